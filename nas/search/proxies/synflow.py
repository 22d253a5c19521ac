"""SynFlow: how much signal flows through all paths (Tanaka et al. 2020, arXiv:2006.05467; as a proxy 2101.08134)."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from nas.search.proxies.contract import ProxyBatch, weights


def synflow(network: nn.Module, batch: ProxyBatch) -> float:
    """Return the logarithm of the sum of weight x gradient, with all weights made positive and an image of ones.

    In float64: the sum runs over paths, whose number grows exponentially with depth. Batch norms pass signals as they
    come, as at initialisation in evaluation mode.
    """
    positive = copy.deepcopy(network).double().eval()
    with torch.no_grad():
        for p in positive.parameters():
            p.abs_()
    positive.zero_grad(set_to_none=True)
    positive(torch.ones_like(batch.images[:1], dtype=torch.float64)).sum().backward()
    flow = sum(float((w.grad * w.detach()).sum()) for w in weights(positive) if w.grad is not None)
    return math.log(flow) if 0 < flow < math.inf else float("-inf")
