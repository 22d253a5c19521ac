"""Batches: float32 images normalised to (N, 3, R, R), and int64 labels (N,).

Training batches are shuffled and augmented by seed: the same seed and epoch give the same batches, whatever
the number of worker processes. Evaluation batches are made once and kept while they fit.

With mixup (Zhang 2018, arXiv 1710.09412) training labels are float32 class probabilities (N, num_classes).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nas import torch_compat
from nas.data.augment import BatchKey, BatchReader, RawBatch
from nas.data.images import ImageData, Images, MemoryImages, SplitName
from nas.data.seeding import isolated_rng
from nas.errors import UserError

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

Batch = tuple[Tensor, Tensor]

_FLOAT_CACHE_BYTES = 256 * 2**20  # up to here evaluation batches are kept ready to use
_BYTE_CACHE_BYTES = 2**30  # up to here as uint8, normalised anew at each use
_MAX_WORKERS = 4


class TrainingBatches:
    """Shuffled, augmented batches of the training split; the last incomplete one is dropped.

    Args:
        data: the data set; only its training images are read.
        batch_size: images per batch; no more than there are images.
        seed: decides order and augmentation.
        mixup: the alpha of mixup's Beta distribution; 0 mixes nothing.
        workers: processes that decode images; None chooses (none for images in memory).
    """

    def __init__(
        self,
        data: ImageData,
        *,
        batch_size: int,
        seed: int = 0,
        mixup: float = 0.0,
        workers: int | None = None,
    ) -> None:
        size = min(batch_size, len(data.train))
        self.batch_size = size - size % 2 if mixup else size  # mixup pairs the images of a batch
        self._count = len(data.train)
        self._seed = seed
        self._normalise = Normalise(data)
        self._mixup = _mixup(mixup, data.num_classes) if mixup else None
        self._keys = _Keys()
        reader = BatchReader(data.train, data.resolution, data.augmentation)
        self._raw = _raw_batches(reader, self._keys, _workers(workers, data.train), keep=True)

    def __len__(self) -> int:
        return self._count // self.batch_size

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one epoch.

        Raises:
            UserError: if an image cannot be decoded; the message names its file.
        """
        rng = np.random.default_rng((self._seed, number))
        order = rng.permutation(self._count)[: len(self) * self.batch_size].reshape(len(self), -1)
        seeds = rng.integers(2**31, size=len(self))
        self._keys.current = [(int(s), tuple(map(int, row))) for s, row in zip(seeds, order, strict=True)]
        for (seed, _), (pixels, labels) in zip(self._keys.current, _checked(self._raw), strict=True):
            images = self._normalise(pixels)
            if self._mixup is not None:
                with isolated_rng(seed):
                    images, labels = self._mixup(images, labels)
            yield images, labels


class EvaluationBatches:
    """Batches of one split without augmentation, the last one shorter; can be iterated again and again.

    The order is fixed and mixed: any first few batches hold all classes, as calibration needs.

    Args:
        data: the data set.
        split: ``"search"``, ``"test"``, or ``"train"`` (to recalibrate, never to score).
        batch_size: images per batch.
        limit: how many images, the first ones of that order; None takes all.
        workers: processes that decode images; None chooses (none for images in memory).
    """

    def __init__(
        self,
        data: ImageData,
        split: SplitName,
        *,
        batch_size: int = 256,
        limit: int | None = None,
        workers: int | None = None,
    ) -> None:
        images = data.split(split)
        self._normalise = Normalise(data)
        self._reader = BatchReader(images, data.resolution, None)
        self._workers = _workers(workers, images)
        order = np.random.default_rng(0).permutation(len(images))[:limit]
        starts = range(0, len(order), batch_size)
        self._keys: list[BatchKey] = [(0, tuple(map(int, order[s : s + batch_size]))) for s in starts]
        self._cache: list[Batch] = []
        pixels = len(order) * 3 * data.resolution**2
        self._keep_floats = pixels * 4 <= _FLOAT_CACHE_BYTES
        self._kept = len(self._keys) if pixels <= _BYTE_CACHE_BYTES else len(self._keys) * _BYTE_CACHE_BYTES // pixels

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches.

        Raises:
            UserError: if an image cannot be decoded; the message names its file.
        """
        for pixels, labels in list(self._cache):
            yield (pixels if self._keep_floats else self._normalise(pixels)), labels
        made = len(self._cache)
        if made == len(self._keys):
            return
        raw = _raw_batches(self._reader, _Keys(self._keys[made:]), self._workers, keep=False)
        for number, (pixels, labels) in enumerate(_checked(raw), start=made):
            images = self._normalise(pixels)
            # Two iterators may run at once: only the one that is ahead adds.
            if number == len(self._cache) and number < self._kept:
                self._cache.append((images if self._keep_floats else pixels, labels))
            yield images, labels


def first_images(data: ImageData, split: SplitName, count: int) -> Batch:
    """Return up to `count` images of a split, of all classes, without augmentation, with their labels."""
    (batch,) = EvaluationBatches(data, split, batch_size=count, limit=count, workers=0)
    return batch


class Normalise:
    """Turns uint8 pixels into float32 with the data set's mean and standard deviation."""

    def __init__(self, data: ImageData) -> None:
        self._mean = torch.tensor(data.mean).view(1, 3, 1, 1) * 255
        self._scale = 1 / (torch.tensor(data.std).view(1, 3, 1, 1) * 255)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return a new float32 tensor of the same shape."""
        return pixels.float().sub_(self._mean).mul_(self._scale)


class _Keys:
    """The keys of the epoch at hand; a loader with living workers keeps one sampler for all epochs."""

    def __init__(self, current: Sequence[BatchKey] = ()) -> None:
        self.current = current

    def __iter__(self) -> Iterator[BatchKey]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)


class _InProcess:
    """Reads batches without worker processes."""

    def __init__(self, reader: BatchReader, keys: _Keys) -> None:
        self._reader = reader
        self._keys = keys

    def __iter__(self) -> Iterator[RawBatch | UserError]:
        return (self._reader[key] for key in self._keys)


def _raw_batches(
    reader: BatchReader, keys: _Keys, workers: int, *, keep: bool
) -> _InProcess | DataLoader[RawBatch | UserError]:
    if workers == 0:
        return _InProcess(reader, keys)
    from torch.utils.data import DataLoader

    return DataLoader(
        reader,  # type: ignore[arg-type] # map-style needs only __getitem__
        sampler=keys,
        batch_size=None,  # a key is already a whole batch
        num_workers=workers,
        collate_fn=_unchanged,
        persistent_workers=keep,
        generator=torch.Generator(),  # else the loader draws from torch's global generator
    )


def _unchanged(batch: Any) -> Any:
    return batch


def _checked(raw: Iterable[RawBatch | UserError]) -> Iterator[RawBatch]:
    for batch in raw:
        if isinstance(batch, UserError):
            raise batch
        yield batch


def _workers(wanted: int | None, images: Images) -> int:
    if wanted is not None:
        return wanted
    return 0 if isinstance(images, MemoryImages) else min(_MAX_WORKERS, os.cpu_count() or 1)


def _mixup(alpha: float, num_classes: int) -> Callable[[Tensor, Tensor], Batch]:
    torch_compat.prepare()
    from timm.data import Mixup

    mixup: Callable[[Tensor, Tensor], Batch] = Mixup(mixup_alpha=alpha, label_smoothing=0.0, num_classes=num_classes)
    return mixup
