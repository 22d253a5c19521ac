from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import ImageData, load_data
from nas.errors import UserError

RNG = np.random.default_rng(0)


def images(count: int, *rest: int) -> np.ndarray:
    return RNG.integers(256, size=(count, *(rest or (8, 8))), dtype=np.uint8)


def load(tmp_path: Path, **arrays: Any) -> ImageData:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    return load_data(str(path), resolution=16)


@pytest.mark.parametrize("rest", [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4)])
def test_every_layout_becomes_rgb(tmp_path: Path, rest: tuple[int, ...]) -> None:
    pixels = images(20, *rest)
    data = load(tmp_path, images=pixels, labels=np.arange(20) % 2)
    image, _ = data.train[0]
    assert (image.mode, image.size) == ("RGB", (8, 8))
    assert any(np.array_equal(np.asarray(image)[..., 0], p.reshape(8, 8, -1)[..., 0]) for p in pixels)


def test_given_splits_are_kept(tmp_path: Path) -> None:
    data = load(
        tmp_path,
        x_train=images(10),
        y_train=np.arange(10)[:, None] % 2,
        x_test=images(3),
        y_test=np.array([1, 0, 1]),
        class_names=np.array(["cat", "dog"]),
    )
    assert [len(s) for s in (data.train, data.search, data.test)] == [8, 2, 3]
    assert data.class_names == ("cat", "dog")
    assert list(data.test.labels) == [1, 0, 1]


GOOD = {"x_train": images(10), "y_train": np.arange(10) % 2}
BAD: list[tuple[str, dict[str, Any]]] = [
    ("expected the keys x_train, y_train or images, labels; found x", {"x": images(3)}),
    ("x_train must be uint8", {**GOOD, "x_train": np.zeros((10, 8, 8))}),
    ("x_train must be uint8", {**GOOD, "x_train": images(10, 8, 8, 2)}),
    ("x_train must be uint8", {**GOOD, "x_train": images(0)}),
    ("y_train must be 10 whole numbers", {**GOOD, "y_train": np.arange(9) % 2}),
    ("y_train must be 10 whole numbers", {**GOOD, "y_train": np.zeros(10)}),
    ("label 10{9} is out of range; 3 classes", {**GOOD, "y_train": np.array([0, 1] * 4 + [1, 10**9])}),
    ("label -1 is out of range", {**GOOD, "y_train": np.array([0, -1] * 5)}),
    ("label 7 is out of range", {**GOOD, "x_val": images(1), "y_val": np.array([7])}),
    ("x_val and y_val belong together; found only x_val", {**GOOD, "x_val": images(1)}),
    ("no training images of class 'c'", {**GOOD, "class_names": np.array(["a", "b", "c"])}),
    ("at least two classes", {**GOOD, "y_train": np.zeros(10, dtype=int)}),
    ("cannot be read as an .npz", {**GOOD, "y_train": np.array([{}] * 10)}),
]


@pytest.mark.parametrize(("message", "arrays"), BAD)
def test_errors_name_the_file(tmp_path: Path, message: str, arrays: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"set\.npz: .*{message}"):
        load(tmp_path, **arrays)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken"])
def test_a_broken_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"set\.npz: cannot be read") as caught:
        load_data(str(path), resolution=16)
    assert "allow_pickle" not in str(caught.value)


def test_a_bare_array_and_a_missing_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", images(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"a\.npz: cannot be read"):
        load_data(str(tmp_path / "a.npz"), resolution=16)
    with pytest.raises(UserError, match=r"b\.npz: no such file"):
        load_data(str(tmp_path / "b.npz"), resolution=16)
