"""SNIP: how much the loss depends on each connection (Lee et al. 2018, arXiv:1810.02340; as a proxy 2101.08134)."""

from __future__ import annotations

from torch import nn

from nas.search.proxies.contract import ProxyBatch, finite, learn_once, weights


def snip(network: nn.Module, batch: ProxyBatch) -> float:
    """Return the sum of the sizes of weight x gradient over all weights."""
    learn_once(network, batch)
    return finite(sum(float((w.grad * w.detach()).abs().sum()) for w in weights(network) if w.grad is not None))
