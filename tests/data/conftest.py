from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FolderMaker = Callable[..., Path]


@pytest.fixture
def class_folder(tmp_path: Path) -> FolderMaker:
    """Makes ``tmp_path/<name>/<class>/<i>.png`` with noise images."""

    def make(name: str, classes: dict[str, int], side: int = 80) -> Path:
        rng = np.random.default_rng(len(name))
        for class_name, count in classes.items():
            folder = tmp_path / name / class_name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(256, size=(side, side, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
        return tmp_path / name

    return make
