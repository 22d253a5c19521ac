"""A NumPy archive of arrays.

Keys: ``x_train, y_train`` with or without ``x_val, y_val`` and ``x_test, y_test``; or ``images, labels``
alone; and, if wanted, ``class_names``. Images are uint8, (N, H, W) or (N, H, W, C) with C 1, 3 or 4. Nothing
is unpickled.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.data.images import ImageData, Labels, MemoryImages
from nas.data.splits import assemble
from nas.errors import UserError, first_line

_TRAIN_KEYS = (("x_train", "y_train"), ("images", "labels"))
_SEARCH_KEYS = ("x_val", "y_val")
_TEST_KEYS = ("x_test", "y_test")
_CHANNELS = (1, 3, 4)

Arrays = dict[str, npt.NDArray[Any]]


def accepts(spec: str) -> bool:
    """Tell whether `spec` means this source."""
    return spec.lower().endswith(".npz")


def load(spec: str, *, resolution: int, seed: int, root: Path | None) -> ImageData:
    """Load an archive.

    Raises:
        UserError: if the file cannot be read, lacks keys, or holds arrays of another kind.
    """
    path = (root or Path()) / spec
    arrays = _read(path)
    keys = next((pair for pair in _TRAIN_KEYS if set(pair) <= arrays.keys()), None)
    if keys is None:
        expected = " or ".join(", ".join(pair) for pair in _TRAIN_KEYS)
        raise UserError(f"{path}: expected the keys {expected}; found {', '.join(arrays) or 'none'}")
    train = _images(path, arrays, keys)
    names = _class_names(path, arrays, train.labels)
    held_out = [_held_out(path, arrays, pair, len(names)) for pair in (_SEARCH_KEYS, _TEST_KEYS)]
    splits = (train, held_out[0], held_out[1])
    return assemble(path.stem, names, splits, resolution=resolution, seed=seed, where=str(path))


def _read(path: Path) -> Arrays:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            _require_room(path, archive.zip.infolist())
            arrays = {key: archive[key] for key in archive.files}
    except UserError:
        raise
    except Exception as error:  # broken archives make zipfile, zlib and NumPy fail each in its own ways
        raise UserError(f"{path}: cannot be read as an .npz archive of plain arrays ({_reason(error)})") from None
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy gives the bytes of what is no array
            raise UserError(f"{path}: {key} is no array")
    return arrays


def _reason(error: Exception) -> str:
    """Return what broke; NumPy takes what it does not know for pickled objects, and says how to read them."""
    return "it is none, or holds Python objects" if "pickle" in str(error) else first_line(error)


def _require_room(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would not fit into memory: a few kilobytes may stand for any number of zeros."""
    declared = sum(member.file_size for member in members)
    room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    if declared > room:
        raise UserError(f"{path}: {declared:,} bytes when unpacked; at most half of this machine's memory is read")


def _images(path: Path, arrays: Arrays, keys: tuple[str, str]) -> MemoryImages:
    pixels, labels = arrays[keys[0]], arrays[keys[1]]
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] not in _CHANNELS or not pixels.size:
        raise UserError(
            f"{path}: {keys[0]} must be uint8 of shape (N, H, W) or (N, H, W, C) with C 1, 3 or 4; "
            f"got {arrays[keys[0]].dtype} of shape {arrays[keys[0]].shape}"
        )
    if labels.dtype.kind not in "iu" or labels.size != len(pixels):
        raise UserError(
            f"{path}: {keys[1]} must be {len(pixels)} whole numbers, one per image; "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    rgb = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels[..., :3]
    return MemoryImages(np.ascontiguousarray(rgb), labels.reshape(-1).astype(np.int64))


def _class_names(path: Path, arrays: Arrays, labels: Labels) -> list[str]:
    if "class_names" in arrays:
        names = [str(name) for name in arrays["class_names"].reshape(-1)]
    else:
        # Counted, not taken from the largest label: a stray 10**9 must not become a billion classes.
        names = [str(i) for i in range(len(np.unique(labels)))]
    _check_range(path, labels, len(names))
    return names


def _held_out(path: Path, arrays: Arrays, keys: tuple[str, str], num_classes: int) -> MemoryImages | None:
    present = [key for key in keys if key in arrays]
    if not present:
        return None
    if len(present) == 1:
        raise UserError(f"{path}: the keys {keys[0]} and {keys[1]} belong together; found only {present[0]}")
    images = _images(path, arrays, keys)
    _check_range(path, images.labels, num_classes)
    return images


def _check_range(path: Path, labels: Labels, num_classes: int) -> None:
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise UserError(
            f"{path}: label {outside[0]} is out of range; {num_classes} classes need 0 to {num_classes - 1}"
        )
