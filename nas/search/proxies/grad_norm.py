"""The norm of the gradients at initialisation (Abdelfattah et al. 2021, arXiv:2101.08134)."""

from __future__ import annotations

from torch import nn

from nas.search.proxies.contract import ProxyBatch, finite, learn_once, weights


def grad_norm(network: nn.Module, batch: ProxyBatch) -> float:
    """Return the sum over layers of the Euclidean norm of the weight's gradient."""
    learn_once(network, batch)
    return finite(sum(float(w.grad.norm()) for w in weights(network) if w.grad is not None))
