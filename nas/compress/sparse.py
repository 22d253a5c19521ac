"""Unstructured sparsity through `torch.nn.utils.prune`: single weights become zero and stay so while training goes on.

By share: the smallest weights of all layers together (Han 2015, arXiv 1506.02626). ``2:4``: the two smallest of every
four along the input channels (Mishra 2021, arXiv 2104.08378), which is what some GPUs' sparse units read.

An engine that does not know of zeros is neither smaller nor quicker for them: the size is computed, the latency is not
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from nas.compress.steps import PATTERN_2_4

_GROUP = 4


def sparsify(network: nn.Module, sparsity: float | str, tune: Callable[[], None]) -> str:
    """Set weights to zero, train the rest by `tune`, and leave plain layers that hold zeros.

    Args:
        network: changed in place; depthwise layers, which hold few weights, are left alone.
        sparsity: the share of zeros, or ``"2:4"``.
        tune: trains `network` in place.

    Returns:
        What was done, in words.
    """
    layers = list(_layers(network))
    if sparsity == PATTERN_2_4:
        layers = [layer for layer in layers if layer.weight.shape[1] % _GROUP == 0]
        for layer in layers:
            prune.custom_from_mask(layer, "weight", mask_2_4(layer.weight))
    else:
        chosen = [(layer, "weight") for layer in layers]
        prune.global_unstructured(chosen, prune.L1Unstructured, amount=sparsity)
    tune()
    for layer in layers:
        prune.remove(layer, "weight")
    return f"{100 * zero_share(network):.0f} % of all weights are zero"


def mask_2_4(weight: Tensor) -> Tensor:
    """Return ones where the two largest of every four along the input channels stand, else zeros.

    Args:
        weight: (out, in, ...), `in` a multiple of four.
    """
    rows = weight.detach().movedim(1, -1)  # (out, ..., in)
    fours = rows.reshape(-1, _GROUP)
    kept = torch.zeros_like(fours).scatter_(1, fours.abs().topk(_GROUP // 2, dim=1).indices, 1.0)
    return kept.reshape(rows.shape).movedim(-1, 1)


def zero_share(network: nn.Module) -> float:
    """Return the share of zeros among all parameters."""
    zeros = sum(int((p == 0).sum()) for p in network.parameters())
    return zeros / sum(p.numel() for p in network.parameters())


def stored_bytes(network: nn.Module) -> int:
    """Return what the weights take if zeros are left out: four bytes a number, and a bit that says where it stands."""
    total = 0
    for parameter in network.parameters():
        count, kept = parameter.numel(), int((parameter != 0).sum())
        total += min(4 * count, 4 * kept + (count + 7) // 8)
    return total


def _layers(network: nn.Module) -> Iterator[nn.Linear | nn.Conv2d]:
    for module in network.modules():
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
            yield module
