"""Whether a written file computes what the PyTorch module computes, on real images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from nas.export.formats import Run

LEAST_AGREEMENT = 0.98
_REFERENCE_BATCH = 32


@dataclass(frozen=True, slots=True)
class Verification:
    """The comparison of one written file with its PyTorch module.

    Attributes:
        file: name of the file inside the run's ``export`` folder.
        max_abs_difference: the largest difference of any logit.
        relative_difference: the same, over the largest absolute logit of the PyTorch module.
        tolerance: what `relative_difference` may be.
        top1_agreement: share of images with the same best class.
        images: how many images were compared, at every one of `batch_sizes`.
    """

    format: str
    file: str
    file_bytes: int
    max_abs_difference: float
    relative_difference: float
    tolerance: float
    top1_agreement: float
    images: int
    batch_sizes: tuple[int, ...]
    passed: bool

    def summary(self) -> str:
        """Say in one line what was compared and what came out."""
        word = "matches PyTorch" if self.passed else "does NOT match PyTorch"
        return (
            f"{self.file} {word}: {self.images} images at batch {', '.join(map(str, self.batch_sizes))}, "
            f"largest relative difference {self.relative_difference:.1e} (allowed {self.tolerance:.0e}), "
            f"same class on {100 * self.top1_agreement:.1f} %"
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two sets of logits lie apart."""

    max_abs: float
    relative: float
    top1_agreement: float


def verify(module: nn.Module, run: Run, images: Tensor, *, batch_sizes: tuple[int, ...] = (1, 8)) -> Difference:
    """Run `images` through `module` and through `run` at every batch size and return the worst difference.

    Args:
        module: the reference, in eval mode.
        run: the written file, opened by its exporter.
        images: (N, C, H, W), normalised as in training.
        batch_sizes: the sizes to cut `images` into.
    """
    expected = _reference(module, images)
    array = images.detach().cpu().float().numpy()
    worst = [compare(expected, _in_batches(run, array, size)) for size in batch_sizes]
    return Difference(
        max(d.max_abs for d in worst),
        max(d.relative for d in worst),
        min(d.top1_agreement for d in worst),
    )


def difference(module: nn.Module, other: nn.Module, images: Tensor) -> Difference:
    """Run `images` through two modules in eval mode and return how far their logits lie apart."""
    return compare(_reference(module, images), _reference(other, images))


def compare(expected: NDArray[np.float32], actual: NDArray[np.float32]) -> Difference:
    """Compare two sets of logits (N, classes); other shapes and infinite numbers are infinitely far."""
    import numpy as np

    if expected.shape != actual.shape or not np.isfinite(actual).all() or not np.isfinite(expected).all():
        return Difference(math.inf, math.inf, 0.0)
    difference = float(np.abs(expected - actual).max())
    scale = float(np.abs(expected).max())
    relative = difference / scale if scale else (0.0 if difference == 0 else math.inf)
    agreement = float((expected.argmax(axis=1) == actual.argmax(axis=1)).mean())
    return Difference(difference, relative, agreement)


def _reference(module: nn.Module, images: Tensor) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        parts = [module(batch) for batch in torch.split(images.detach().cpu().float(), _REFERENCE_BATCH)]
    return torch.cat(parts).numpy()


def _in_batches(run: Run, images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    import numpy as np

    return np.concatenate([run(images[i : i + size]) for i in range(0, len(images), size)])
