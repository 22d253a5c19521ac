"""Weights of one or four bits: trained as if they had them, computed in float32.

``int4``: symmetric steps, one scale for 32 weights. ``binary``: the sign, scaled by the mean size of an output
channel's weights (Rastegari 2016, arXiv 1603.05279); the first layer, depthwise layers and the classifier keep their
numbers, as there. While training, the rounding lets gradients through unchanged (Bengio 2013, arXiv 1308.3432).

No engine of this package stores such weights: what they would take is computed, what runs is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

_GROUP = 32
_LARGEST = 7  # of a signed number of four bits, used symmetrically
_SCALE_BYTES = 2  # a float16


class Int4(nn.Module):
    """Rounds weights to fifteen steps, a scale for every 32 along the inputs."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return the rounded weights, with the gradient of the weights themselves."""
        flat = weight.flatten(1)
        padded = F.pad(flat, (0, -flat.shape[1] % _GROUP))
        groups = padded.reshape(len(flat), -1, _GROUP)
        scale = (groups.abs().amax(dim=2, keepdim=True) / _LARGEST).clamp_min(1e-8)
        rounded = ((groups / scale).round() * scale).reshape(padded.shape)[:, : flat.shape[1]].reshape(weight.shape)
        return _through(rounded, weight)


class Binary(nn.Module):
    """Keeps the sign of weights and one size per output channel."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return the two-valued weights, with the gradient of the weights themselves."""
        size = weight.abs().flatten(1).mean(dim=1).reshape(-1, *(1,) * (weight.dim() - 1))
        signs = torch.where(weight >= 0, size, -size)
        return _through(signs, weight)


def _through(rounded: Tensor, weight: Tensor) -> Tensor:
    """Return `rounded`, exactly, with the gradient of `weight`."""
    return rounded.detach() + (weight - weight.detach())


FEW_BITS: Mapping[str, type[nn.Module]] = MappingProxyType({"int4": Int4, "binary": Binary})


def train_few_bits(network: nn.Module, name: str, tune: Callable[[], None]) -> str:
    """Train `network` in place with weights of few bits, and leave plain layers that hold them.

    Args:
        network: (N, 3, R, R) to (N, num_classes).
        name: a key of `FEW_BITS`.
        tune: trains `network` in place.

    Returns:
        What was done, in words.
    """
    layers = rounded_layers(network, name)
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", FEW_BITS[name]())
    tune()
    for layer in layers.values():
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    count = sum(layer.weight.numel() for layer in layers.values())
    whole = sum(p.numel() for p in network.parameters())
    return f"{len(layers)} layers with {100 * count / whole:.0f} % of all weights"


def rounded_layers(network: nn.Module, name: str) -> dict[str, nn.Linear | nn.Conv2d]:
    """Return the layers whose weights get few bits, by name."""
    layers = {n: m for n, m in network.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))}
    if name == "int4":
        return layers
    inner = list(layers)[1:-1]
    return {n: layers[n] for n in inner if getattr(layers[n], "groups", 1) == 1}


def stored_bytes(network: nn.Module, name: str) -> int:
    """Return what the parameters would take: few bits where they are rounded, with float16 scales, else four bytes."""
    total = sum(4 * p.numel() for p in network.parameters())
    for layer in rounded_layers(network, name).values():
        weight = layer.weight
        out_chs, each = weight.shape[0], weight[0].numel()
        scales = out_chs * (-(-each // _GROUP) if name == "int4" else 1)
        bits = 4 if name == "int4" else 1
        total -= 4 * weight.numel() - (weight.numel() * bits + 7) // 8 - _SCALE_BYTES * scales
    return total
