"""ZiCo: large and steady gradients over batches (Li et al. 2023, arXiv:2301.11300)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.search.proxies.contract import ProxyBatch, learn_once, weights

_PARTS = 2


def zico(network: nn.Module, batch: ProxyBatch) -> float:
    """Return the sum over layers of log of the summed ratio of a gradient's mean size to its standard deviation.

    The batch is halved: two gradients are the fewest that have a deviation.
    """
    found: list[list[Tensor]] = []
    for images, labels in zip(batch.images.chunk(_PARTS), batch.labels.chunk(_PARTS), strict=True):
        learn_once(network, ProxyBatch(images, labels))
        found.append([w.grad.detach().clone() for w in weights(network) if w.grad is not None])
    score = 0.0
    for gradients in zip(*found, strict=True):
        stack = torch.stack(gradients)
        size, deviation = stack.abs().mean(0), stack.std(0, unbiased=False)
        steady = deviation > 0
        ratio = float((size[steady] / deviation[steady]).sum())
        score += float(torch.log(torch.tensor(ratio))) if ratio > 0 else 0.0
    return score
