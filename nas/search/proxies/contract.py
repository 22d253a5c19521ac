"""What a proxy is: a figure of an untrained network that is higher the better it will learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ProxyBatch:
    """What a proxy may look at.

    Attributes:
        images: (N, C, H, W), normalised.
        labels: (N,), class numbers.
    """

    images: Tensor
    labels: Tensor


# A proxy may leave gradients and batch norm statistics behind: give it a network that is needed for nothing else.
Proxy = Callable[[nn.Module, ProxyBatch], float]

WEIGHTED = (nn.Conv2d, nn.Linear)


def weighted(network: nn.Module) -> list[nn.Module]:
    """Return the convolutions and linear layers of a network."""
    return [module for module in network.modules() if isinstance(module, WEIGHTED)]


def weights(network: nn.Module) -> list[Tensor]:
    """Return their weights."""
    return [module.weight for module in weighted(network) if isinstance(module.weight, Tensor)]


def learn_once(network: nn.Module, batch: ProxyBatch) -> None:
    """Leave the gradients of one batch's classification loss in the parameters; batch norm uses the batch."""
    network.train().zero_grad(set_to_none=True)
    nn.functional.cross_entropy(network(batch.images), batch.labels).backward()


def finite(value: Tensor | float) -> float:
    """Return a number, minus infinity for what is none: such a network will not learn."""
    number = float(value)
    return number if torch.isfinite(torch.tensor(number)) else float("-inf")
