from __future__ import annotations

import numpy as np
import pytest

from nas.data import ImageData, load_data


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits", resolution=32)


def test_every_digit_is_in_exactly_one_split(digits: ImageData) -> None:
    seen = [
        digits.split(name)[i][0].tobytes()
        for name in ("train", "search", "test")
        for i in range(len(digits.split(name)))
    ]
    assert len(seen) == 1797
    assert len(set(seen)) == 1797  # the originals hold no duplicates


def test_splits_are_stratified(digits: ImageData) -> None:
    shares = [np.bincount(s.labels) / len(s) for s in (digits.train, digits.search, digits.test)]
    assert np.allclose(shares[0], shares[1], atol=0.01)
    assert np.allclose(shares[0], shares[2], atol=0.01)
    assert 0.58 < len(digits.train) / 1797 < 0.62


def test_images_are_rgb_and_never_mirrored(digits: ImageData) -> None:
    image, label = digits.train[0]
    assert (image.mode, image.size) == ("RGB", (32, 32))
    assert digits.class_names[label] == str(label)
    assert digits.augmentation.hflip == 0


def test_the_seed_decides_the_split(digits: ImageData) -> None:
    assert load_data("digits", resolution=24).digest == digits.digest
    assert load_data("digits", resolution=32, seed=1).digest != digits.digest


def test_at_resolution_changes_nothing_else(digits: ImageData) -> None:
    smaller = digits.at_resolution(24)
    assert (smaller.resolution, smaller.digest) == (24, digits.digest)
    assert smaller.train is digits.train
