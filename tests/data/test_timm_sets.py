from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from nas.data import load_data
from nas.data.images import MemoryImages
from nas.errors import UserError


def write_mnist(root: Path, train: int, test: int) -> None:
    """Write MNIST's idx files: a big-endian header, then bytes."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in (("train", train), ("t10k", test)):
        pixels = rng.integers(256, size=(count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        header = np.array([0x803, count, 28, 28], dtype=">i4").tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = np.array([0x801, count], dtype=">i4").tobytes()
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


def test_a_torchvision_set_that_is_there(tmp_path: Path) -> None:
    write_mnist(tmp_path, train=100, test=20)
    data = load_data("torch/mnist", resolution=28, root=tmp_path)
    assert [len(s) for s in (data.train, data.search, data.test)] == [80, 20, 20]
    assert isinstance(data.train, MemoryImages)
    assert data.train[0][0].mode == "RGB"
    assert data.augmentation.hflip == 0
    assert data.num_classes == 10


def test_an_absent_set_is_not_downloaded_but_offered(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"torch/mnist.*cannot be opened.*ask for torch/mnist\+download"):
        load_data("torch/mnist", resolution=28, root=tmp_path)


def test_a_torchvision_set_needs_a_folder() -> None:
    with pytest.raises(UserError, match="--data-root"):
        load_data("torch/cifar10", resolution=32)


def test_an_unknown_set_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="torch/cifar11.*cannot be opened"):
        load_data("torch/cifar11", resolution=32, root=tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("datasets") is not None, reason="the reader is installed")
def test_a_missing_reader_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hfds/some/set.*cannot be opened.*datasets"):
        load_data("hfds/some/set", resolution=32, root=tmp_path)
