"""A folder of class folders.

``DIR/train/<class>/*.jpg`` with or without ``DIR/val`` (or ``validation``) and ``DIR/test``; or
``DIR/<class>/*.jpg`` alone. The validation folder becomes the search split. What is missing is split off the
training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.data.decode import SUFFIXES, check_headers, read_image
from nas.data.images import ImageData, Images, Labels, digest_of
from nas.data.memory import in_memory_if_small
from nas.data.splits import assemble
from nas.errors import UserError, unknown_name

if TYPE_CHECKING:
    from PIL.Image import Image

_SEARCH_FOLDERS = ("val", "validation", "search")
_HEAD_BYTES = 4096  # enough to tell files apart without reading gigabytes


class FileImages:
    """Images decoded from their files when they are asked for."""

    def __init__(self, root: Path, paths: Sequence[str], labels: Labels) -> None:
        self._root = root
        self._paths = list(paths)
        self._labels = labels

    @property
    def labels(self) -> Labels:
        """The class index of every image."""
        return self._labels

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Image, int]:
        return read_image(self._root / self._paths[index]), int(self._labels[index])

    def take(self, indices: npt.NDArray[np.int64]) -> FileImages:
        """Return the images at `indices`, in that order."""
        return FileImages(self._root, [self._paths[i] for i in indices], self._labels[indices])

    def fingerprint(self) -> str:
        """Return the digest of names, sizes and the first bytes of every file."""
        parts: list[str | bytes] = []
        for path, label in zip(self._paths, self._labels, strict=True):
            file = self._root / path
            with file.open("rb") as stream:
                parts += [f"{path} {label} {file.stat().st_size}", stream.read(_HEAD_BYTES)]
        return digest_of(parts)

    def files(self) -> list[Path]:
        """Return the full path of every image."""
        return [self._root / path for path in self._paths]


def accepts(spec: str) -> bool:  # noqa: ARG001 - one shape for all sources
    """Tell whether `spec` means this source: it takes whatever no other source took."""
    return True


def load(spec: str, *, resolution: int, seed: int, root: Path | None) -> ImageData:
    """Load a folder of class folders.

    Raises:
        UserError: if the folder is missing, holds no images, or an image cannot be read.
    """
    folder = (root or Path()) / spec
    if not folder.is_dir():
        raise UserError(
            f"data {spec!r}: no such folder; allowed: 'digits', a folder of class folders, an .npz file, "
            "or a data set of timm (torch/cifar10, hfds/..., tfds/...)"
        )
    train_folder = folder / "train" if (folder / "train").is_dir() else folder
    search_folder = next((folder / n for n in _SEARCH_FOLDERS if (folder / n).is_dir()), None)
    test_folder = folder / "test" if (folder / "test").is_dir() else None
    if train_folder == folder and (search_folder or test_folder):
        raise UserError(f"{folder}: there is a folder {search_folder or test_folder}, but no {folder / 'train'}")
    class_names = [child.name for child in _subfolders(train_folder)]
    splits = (
        _images(train_folder, class_names),
        _images(search_folder, class_names) if search_folder else None,
        _images(test_folder, class_names) if test_folder else None,
    )
    name = folder.resolve().name
    return assemble(name, class_names, splits, resolution=resolution, seed=seed, where=str(train_folder))


def _images(folder: Path, class_names: Sequence[str]) -> Images:
    paths: list[str] = []
    labels: list[int] = []
    for child in _subfolders(folder):
        if child.name not in class_names:
            raise unknown_name("class", child.name, class_names, where=str(folder))
        files = sorted(f for f in child.rglob("*") if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))
        if not files:
            raise UserError(f"{child}: no images of this class (looked for {', '.join(sorted(SUFFIXES))})")
        paths += [file.relative_to(folder).as_posix() for file in files]
        labels += [class_names.index(child.name)] * len(files)
    if not paths:
        raise UserError(f"{folder}: no images; expected one folder per class")
    images = FileImages(folder, paths, np.array(labels, dtype=np.int64))
    sizes = check_headers(images.files())
    return in_memory_if_small(images, sizes)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
