from __future__ import annotations

import numpy as np
from PIL import Image

from nas.data.images import MemoryImages
from nas.data.memory import in_memory_if_small, stack


class Listed:
    """Images in a list, as another source may hold them."""

    def __init__(self, sides: list[int]) -> None:
        self.images = [Image.new("RGB", (side, side), (side, 0, 0)) for side in sides]
        self.labels = np.arange(len(sides))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return self.images[index], int(self.labels[index])

    def take(self, indices: np.ndarray) -> Listed:
        raise NotImplementedError

    def fingerprint(self) -> str:
        raise NotImplementedError


def test_small_images_of_one_size_are_stored() -> None:
    stored = in_memory_if_small(Listed([32, 32]), [(32, 32)])
    assert isinstance(stored, MemoryImages)
    assert stored[1][0].getpixel((0, 0)) == (32, 0, 0)
    assert stored[1][1] == 1


def test_large_or_mixed_images_are_left_as_they_are() -> None:
    for sides in ([65, 65], [32, 16]):
        images = Listed(sides)
        assert in_memory_if_small(images, [(sides[0], sides[0])]) is images


def test_a_stream_is_resized_and_stored() -> None:
    samples = [(Image.new("L", (40, 20), 7), 3), (Image.new("RGB", (9, 9)), 1)]
    stored = stack(samples, 16)
    assert stored[0][0].size == (16, 16)
    assert stored[0][0].getpixel((5, 5)) == (7, 7, 7)
    assert list(stored.labels) == [3, 1]


def test_the_fingerprint_follows_pixels_labels_and_order() -> None:
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    images = MemoryImages(pixels, np.array([0, 1]))
    others = [
        images.take(np.array([1, 0])),
        MemoryImages(pixels + 1, images.labels),
        MemoryImages(pixels, np.array([1, 1])),
    ]
    assert images.fingerprint() == images.take(np.array([0, 1])).fingerprint()
    assert images.fingerprint() not in [other.fingerprint() for other in others]
