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
LEAST_INTEGER_AGREEMENT = 0.97
LEAST_EXCUSED_AGREEMENT = 0.90  # below, no accuracy makes up for it
MOST_LOST = 0.01  # share of images that only PyTorch classes right, over those that only the file does
LEAST_INTEGER_SQNR_DB = 6.0  # below, the errors are half as large as the logits: a wrong scale, not rounding
LEAST_RANDOM_SQNR_DB = 3.0  # of weights that no training made robust against rounding; of nothing but zeros it is 0
LEAST_GAIN, MOST_GAIN = 0.75, 1.33  # rounding adds noise; a wrong scale halves or doubles
MOST_KERNEL_GAP_DB = 1.5  # kernels round differently, and single logits tell nothing; their errors are as large
_REFERENCE_BATCH = 32


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a file's logits lie from PyTorch's.

    Attributes:
        max_abs: the largest difference of any logit.
        relative: the same, over the largest absolute logit of PyTorch's.
        top1_agreement: share of images with the same best class.
        sqnr_db: energy of PyTorch's logits over that of the differences; None if there is no difference.
        accuracy: share of images that the file classes right; None without labels.
        reference_accuracy: the same of PyTorch.
        images: how many were compared.
        changed: images that one of the two classes right and the other wrong; None without labels.
        gain: the factor on PyTorch's logits that comes nearest to the file's; None if they are all 0.
    """

    max_abs: float
    relative: float
    top1_agreement: float
    sqnr_db: float | None = None
    accuracy: float | None = None
    reference_accuracy: float | None = None
    images: int = 0
    changed: int | None = None
    gain: float | None = None

    @property
    def lost(self) -> int | None:
        """How many more images PyTorch classes right than the file; None without labels."""
        if self.accuracy is None or self.reference_accuracy is None:
            return None
        return round((self.reference_accuracy - self.accuracy) * self.images)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with a file, and what is worth knowing of one that passes.

    Attributes:
        shortcomings: what keeps it from being deployed; nothing if it computes what PyTorch computes.
        notes: why it passes where that is not plain.
    """

    shortcomings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def verify(
    module: nn.Module,
    run: Run,
    images: Tensor,
    *,
    labels: Tensor | None = None,
    batch_sizes: tuple[int, ...] = (1, 8),
) -> Difference:
    """Run `images` through `module` and through `run` at every batch size and return the worst difference.

    Args:
        module: the reference, in eval mode.
        run: the written file, opened by its exporter.
        images: (N, C, H, W), normalised as in training.
        labels: (N,) class indices, where known.
        batch_sizes: the sizes to cut `images` into.
    """
    expected = _reference(module, images)
    array = images.detach().cpu().float().numpy()
    classes = None if labels is None else labels.detach().cpu().numpy()
    found = [compare(expected, _in_batches(run, array, size), classes) for size in batch_sizes]
    return max(found, key=lambda difference: difference.relative)


def kernel_gap_db(module: nn.Module, run: Run, plain: Run, images: Tensor) -> float | None:
    """Return by how much the errors of a file differ between two sets of kernels, in dB; None where one has none.

    Args:
        module: the reference, in eval mode.
        run: the file with the runtime's best kernels.
        plain: the same file with its plainest kernels.
        images: (N, C, H, W), normalised as in training.
    """
    ratios = [verify(module, kernels, images, batch_sizes=(1,)).sqnr_db for kernels in (run, plain)]
    best, plainest = ratios
    return None if best is None or plainest is None else abs(best - plainest)


def judge(
    found: Difference, *, tolerance: float | None, kernel_gap: float | None = None, trained: bool = True
) -> Judgement:
    """Judge a file.

    The classes of integers are judged by how many stay the same, and where too many change, by what that costs: a
    network that is not sure of its images changes classes both ways. Of a network that was never trained they mean
    nothing, and rounding errors grow from layer to layer, so more of them is allowed.

    Args:
        found: how far the file lies from PyTorch.
        tolerance: of the relative difference; None for integers.
        kernel_gap: what `kernel_gap_db` found.
        trained: whether the weights are more than random numbers.
    """
    said: list[str] = []
    if tolerance is not None and not found.relative <= tolerance:
        said.append(f"relative difference {found.relative:.1e}, allowed {tolerance:.0e}")
    if tolerance is not None and found.top1_agreement < LEAST_AGREEMENT:
        said.append(_same_class(found, LEAST_AGREEMENT))
    notes: tuple[str, ...] = ()
    if tolerance is None and not trained:
        notes = ("random weights: not judged by classes",)
    elif tolerance is None and found.top1_agreement < LEAST_INTEGER_AGREEMENT:
        excuse = _excuse(found)
        notes = (f"{_same_class(found, LEAST_INTEGER_AGREEMENT)}, but {excuse}",) if excuse else ()
        said += [] if excuse else [_same_class(found, LEAST_INTEGER_AGREEMENT)]
    least_db = LEAST_INTEGER_SQNR_DB if trained else LEAST_RANDOM_SQNR_DB
    if tolerance is None and found.sqnr_db is not None and found.sqnr_db < least_db:
        said.append(f"SQNR {found.sqnr_db:.1f} dB, needed {least_db} dB")
    if tolerance is None and found.gain is not None and not LEAST_GAIN <= found.gain <= MOST_GAIN:
        said.append(f"logits {found.gain:.2f} times as large, needed {LEAST_GAIN} to {MOST_GAIN}")
    if kernel_gap is not None and not kernel_gap <= MOST_KERNEL_GAP_DB:
        said.append(f"errors of two sets of kernels {kernel_gap:.1f} dB apart, allowed {MOST_KERNEL_GAP_DB} dB")
    return Judgement(tuple(said), notes)


def _same_class(found: Difference, least: float) -> str:
    return f"same class on {100 * found.top1_agreement:.1f} %, needed {100 * least:.0f} %"


def _excuse(found: Difference) -> str:
    """Say that changed classes cost no accuracy; nothing if they do, or nobody knows."""
    if found.lost is None or found.changed is None or found.top1_agreement < LEAST_EXCUSED_AGREEMENT:
        return ""
    # Were each changed image as likely won as lost, two standard deviations of the balance.
    chance = 2 * math.sqrt(found.changed)
    if found.lost > max(MOST_LOST * found.images, chance):
        return ""
    won = (found.changed - found.lost) // 2
    return f"right on {won + found.lost} images fewer and {won} more of {found.images}: no more lost than by chance"


def difference(module: nn.Module, other: nn.Module, images: Tensor) -> Difference:
    """Run `images` through two modules in eval mode and return how far their logits lie apart."""
    return compare(_reference(module, images), _reference(other, images))


def compare(
    expected: NDArray[np.float32], actual: NDArray[np.float32], labels: NDArray[np.int64] | None = None
) -> Difference:
    """Compare two sets of logits (N, classes); other shapes and infinite numbers are infinitely far."""
    import numpy as np

    if expected.shape != actual.shape or not np.isfinite(actual).all() or not np.isfinite(expected).all():
        return Difference(math.inf, math.inf, 0.0)
    error = np.abs(expected - actual).astype(np.float64)
    largest, scale = float(error.max()), float(np.abs(expected).max())
    relative = largest / scale if scale else (0.0 if largest == 0 else math.inf)
    classes, found = expected.argmax(axis=1), actual.argmax(axis=1)
    reference = expected.astype(np.float64)
    noise, signal = float((error**2).sum()), float((reference**2).sum())
    return Difference(
        largest,
        relative,
        float((classes == found).mean()),
        10 * math.log10(signal / noise) if noise and signal else None,
        None if labels is None else float((found == labels).mean()),
        None if labels is None else float((classes == labels).mean()),
        len(expected),
        None if labels is None else int(((found == labels) != (classes == labels)).sum()),
        float((reference * actual).sum()) / signal if signal else None,
    )


def _reference(module: nn.Module, images: Tensor) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        parts = [module(batch) for batch in torch.split(images.detach().cpu().float(), _REFERENCE_BATCH)]
    return torch.cat(parts).numpy()


def _in_batches(run: Run, images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    import numpy as np

    return np.concatenate([run(images[i : i + size]) for i in range(0, len(images), size)])
