"""What every data set looks like: labelled images in three splits.

A split (`Images`) yields ``(RGB PIL image, class index)`` at the image's own size; resizing, augmentation and
normalisation happen in `nas.data.batches`, so one loaded data set serves every resolution.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Labels = npt.NDArray[np.int64]
SplitName = Literal["train", "search", "test"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # what pretrained weights were normalised with
IMAGENET_STD = (0.229, 0.224, 0.225)


class Images(Protocol):
    """Labelled images that can be indexed and split."""

    @property
    def labels(self) -> Labels:
        """The class index of every image."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Image, int]: ...

    def take(self, indices: npt.NDArray[np.int64]) -> Images:
        """Return the images at `indices`, in that order."""

    def fingerprint(self) -> str:
        """Return a hex digest that changes when an image, a label or their order does."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How training images are varied; the values are timm's (`timm.data.create_transform`).

    Attributes:
        scale: smallest and largest share of the image's area that a random crop keeps.
        ratio: smallest and largest aspect ratio of that crop.
        hflip: probability of a horizontal flip; 0 where left and right carry meaning.
        auto_augment: a RandAugment or AutoAugment string of timm, e.g. ``"rand-m7-mstd0.5-inc1"``.
    """

    scale: tuple[float, float] = (0.7, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    hflip: float = 0.0
    auto_augment: str | None = None


@dataclass(frozen=True, slots=True)
class ImageData:
    """A data set ready for search and training.

    Attributes:
        name: what to call it, e.g. ``"digits"``.
        class_names: one name per class index.
        resolution: side length in pixels that batches are made at.
        train: images to train on.
        search: images that score candidates; held out of training.
        test: images for the finalists only.
        augmentation: how training images are varied.
        digest: content fingerprint (16 hex digits) over classes, images, labels and splits.
        mean: normalisation mean per channel, for pixels in [0, 1].
        std: normalisation standard deviation per channel.
    """

    name: str
    class_names: tuple[str, ...]
    resolution: int
    train: Images
    search: Images
    test: Images
    augmentation: Augmentation
    digest: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def split(self, name: SplitName) -> Images:
        """Return one split by its name."""
        return {"train": self.train, "search": self.search, "test": self.test}[name]

    def at_resolution(self, resolution: int) -> ImageData:
        """Return the same data set, its batches made at another resolution."""
        return dataclasses.replace(self, resolution=resolution)


class MemoryImages:
    """Images of one size, held as uint8 pixels of shape (N, H, W, 3)."""

    def __init__(self, pixels: npt.NDArray[np.uint8], labels: Labels) -> None:
        self._pixels = pixels
        self._labels = labels

    @property
    def labels(self) -> Labels:
        """The class index of every image."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Image, int]:
        from PIL import Image

        return Image.fromarray(self._pixels[index]), int(self._labels[index])

    def take(self, indices: npt.NDArray[np.int64]) -> MemoryImages:
        """Return the images at `indices`, in that order."""
        return MemoryImages(self._pixels[indices], self._labels[indices])

    def fingerprint(self) -> str:
        """Return the digest of pixels and labels."""
        shape = str(self._pixels.shape).encode()
        return digest_of([shape, np.ascontiguousarray(self._pixels).data, self._labels.astype("<i8").data])


def digest_of(parts: Sequence[str | bytes | memoryview]) -> str:
    """Return 16 hex digits over `parts`, each taken with its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(str(memoryview(data).nbytes).encode() + b":")
        digest.update(data)
    return digest.hexdigest()[:16]
