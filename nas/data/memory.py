"""Small data sets are decoded once and kept: decoding every epoch would cost more than training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nas.data.images import Images, MemoryImages

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_IMAGES = 100_000
MAX_SIDE = 64


def in_memory_if_small(images: Images, sizes: Sequence[tuple[int, int]]) -> Images:
    """Return `images` decoded into memory if all are small and of one size, else unchanged.

    Args:
        images: any images.
        sizes: width and height of the images, or of a sample of them.
    """
    if len(images) > MAX_IMAGES or max(sizes[0]) > MAX_SIDE or len(set(sizes)) > 1:
        return images
    pixels = []
    for index in range(len(images)):
        image, _ = images[index]
        if image.size != sizes[0]:  # `sizes` was a sample
            return images
        pixels.append(np.asarray(image))
    return MemoryImages(np.stack(pixels), images.labels)


def stack(samples: Iterable[tuple[Image, int]], side: int) -> MemoryImages:
    """Decode a stream of images into memory, each resized and centre-cropped to `side`."""
    from PIL import ImageOps

    pixels: list[np.ndarray] = []
    labels: list[int] = []
    for image, label in samples:
        pixels.append(np.asarray(ImageOps.fit(image.convert("RGB"), (side, side))))
        labels.append(int(label))
    shaped = np.stack(pixels) if pixels else np.zeros((0, side, side, 3), dtype=np.uint8)
    return MemoryImages(shaped, np.array(labels, dtype=np.int64))
