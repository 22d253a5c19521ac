"""Zen-score: how strongly features react to a change of the image (Lin et al. 2021, arXiv:2102.01063)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from nas.search.proxies.contract import ProxyBatch, finite

_MIX = 0.01
_EPS = 1e-5


def zen(network: nn.Module, batch: ProxyBatch) -> float:
    """Return log of the features' mean change under noise, plus the log spread that norms divide away.

    Images and weights are Gaussian noise, the same for every network. The features are what enters the classifier.
    Counted are batch norms, and layer norms that stand where a batch norm would: behind a convolution, with its
    activation. Without these a convolutional network with layer norm would be judged by the end of it alone. Layer
    norms before a branch (ConvNeXt, transformer) are not.
    """
    noisy = copy.deepcopy(network).train()
    generator = torch.Generator().manual_seed(0)
    spreads: list[Tensor] = []

    def spread(module: nn.Module, inputs: Any) -> None:
        over = 1 if isinstance(module, nn.LayerNorm) else (0, 2, 3)  # of (N, C, H, W)
        spreads.append(inputs[0].var(over, unbiased=False).mean())

    for module in noisy.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _fill(module, generator)
        if isinstance(module, nn.BatchNorm2d) or (isinstance(module, nn.LayerNorm) and hasattr(module, "act")):
            module.register_forward_pre_hook(spread)
    images = torch.randn(batch.images.shape, generator=generator)
    change = torch.randn(batch.images.shape, generator=generator)
    with torch.no_grad():
        features = _features(noisy, images)
        scale = 0.5 * torch.stack([(s + _EPS).log() for s in spreads]).sum() if spreads else torch.zeros(())
        moved = _features(noisy, images + _MIX * change)
    return finite((features - moved).abs().flatten(1).sum(1).mean().log() + scale)


def _fill(module: nn.Module, generator: torch.Generator) -> None:
    assert isinstance(module.weight, Tensor)
    with torch.no_grad():
        module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
        if isinstance(module.bias, Tensor):
            module.bias.zero_()


def _features(network: nn.Module, images: Tensor) -> Tensor:
    """Return what enters the last linear layer (or all that leaves a network without one)."""
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear:
        return network(images)  # type: ignore[no-any-return]
    seen: list[Tensor] = []
    handle = linear[-1].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    try:
        network(images)
    finally:
        handle.remove()
    return seen[-1]
