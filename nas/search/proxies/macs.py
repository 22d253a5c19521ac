"""The number of fused multiply-adds of convolutions and linear layers for one image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.search.proxies.contract import ProxyBatch, weighted


def macs(network: nn.Module, batch: ProxyBatch) -> float:
    """Return the multiply-adds of one image."""
    total = 0

    def count(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal total
        assert isinstance(module.weight, Tensor)
        places = output[0].numel() // module.weight.shape[0]  # outputs that share one row of the weight
        total += places * module.weight.numel()

    handles = [module.register_forward_hook(count) for module in weighted(network)]
    try:
        with torch.no_grad():
            network.eval()(batch.images[:1])
    finally:
        for handle in handles:
            handle.remove()
    return float(total)
