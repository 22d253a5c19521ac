"""Eight-bit weights and activations, simulated in floating point: what rounding costs a network, without an export.

Weights are symmetric with a scale for each output channel, the inputs of convolutions and linear layers asymmetric with
one scale a tensor, from the least and greatest value seen (Jacob 2018, arXiv 1712.05877). A batch norm behind a
convolution scales whole output channels, so that folding it first, as engines do, would round the weights in the same
way. Products inside attention and sums stay in floating point.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nas.data.batches import Batch
from nas.training.loop import device_of, images_to

OBSERVED_BATCHES = 2
_PRODUCTS = (nn.Conv1d, nn.Conv2d, nn.Linear)
_WEIGHT_MOST = 127
_LEVELS = 255


def simulate_int8(network: nn.Module, batches: Iterable[Batch]) -> nn.Module:
    """Return a copy of a network, in eval mode, that computes as if in eight bits.

    Args:
        network: trained, with its batch norms calibrated; left untouched.
        batches: training images without augmentation; the first `OBSERVED_BATCHES` give the ranges of activations.
    """
    result = copy.deepcopy(network).eval()
    products = [module for module in result.modules() if isinstance(module, _PRODUCTS)]
    observers = _observed(result, products, islice(batches, OBSERVED_BATCHES))
    with torch.no_grad():
        for module, observer in zip(products, observers, strict=True):
            module.weight.copy_(rounded_weights(module.weight))
            if observer.seen:
                module.register_forward_pre_hook(observer.rounding())
    return result


def rounded_weights(weight: Tensor) -> Tensor:
    """Return weights ``(out, ...)`` rounded to 255 values, symmetric about 0, for each output channel."""
    largest = weight.detach().abs().flatten(1).amax(dim=1).clamp(min=1e-12)
    scale = (largest / _WEIGHT_MOST).view(-1, *[1] * (weight.dim() - 1))
    return torch.round(weight / scale) * scale


@dataclass(frozen=True, slots=True)
class _Rounding:
    """Rounds what a layer is given to 256 values."""

    scale: float
    zero_point: int

    def __call__(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        first, *rest = inputs
        low, high = -self.zero_point, _LEVELS - self.zero_point
        # The same numbers as torch.fake_quantize_per_tensor_affine, which takes five times as long on a CPU.
        return (first / self.scale).round_().clamp_(low, high).mul_(self.scale), *rest


class _Observer:
    """Remembers the least and greatest value that a layer was given."""

    def __init__(self) -> None:
        self.low = self.high = 0.0  # zero is always exact: paddings are zeros
        self.seen = False

    def __call__(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        low, high = torch.aminmax(inputs[0])
        self.low, self.high, self.seen = min(self.low, float(low)), max(self.high, float(high)), True

    def rounding(self) -> _Rounding:
        """Return what rounds to the range seen."""
        scale = max((self.high - self.low) / _LEVELS, 1e-12)
        return _Rounding(scale, min(_LEVELS, max(0, round(-self.low / scale))))


@torch.inference_mode()
def _observed(network: nn.Module, products: Sequence[nn.Module], batches: Iterable[Batch]) -> list[_Observer]:
    observers = [_Observer() for _ in products]
    hooks = [m.register_forward_pre_hook(o) for m, o in zip(products, observers, strict=True)]
    device = device_of(network)
    for images, _ in batches:
        network(images_to(images, device))
    for hook in hooks:
        hook.remove()
    return observers
