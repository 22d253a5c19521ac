"""The number of trainable parameters: the baseline that many proxies do not beat (White et al. 2022)."""

from __future__ import annotations

from torch import nn

from nas.search.proxies.contract import ProxyBatch


def params(network: nn.Module, _batch: ProxyBatch) -> float:
    """Return the number of trainable parameters."""
    return float(sum(p.numel() for p in network.parameters() if p.requires_grad))
