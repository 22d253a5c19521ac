"""Data sets that timm opens by name: ``torch/cifar10``, ``hfds/<repository>``, ``tfds/<name>``, ...

``torch/`` and ``tfds/`` sets are downloaded only if the name ends in ``+download``; ``hfds/``, ``hfids/`` and
``wds/`` names are addresses of remote files, and ask for them by themselves. The test split is the source's
test split, or its validation split where it has no labelled test split; a search split that is missing is
split off train.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nas import torch_compat
from nas.data.decode import to_rgb
from nas.data.images import ImageData, Images, Labels, digest_of
from nas.data.memory import in_memory_if_small, stack
from nas.data.splits import assemble
from nas.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

_NAME = re.compile(r"(torch|hfds|hfids|tfds|wds)/[^+]+(\+download)?")
_PROBED = 16  # images read to fingerprint a set too large to read


class IndexedImages:
    """A map-style data set of timm or torchvision, or a selection from it."""

    def __init__(self, dataset: Any, labels: Labels, indices: npt.NDArray[np.int64]) -> None:
        self._dataset = dataset
        self._all_labels = labels
        self._indices = indices

    @property
    def labels(self) -> Labels:
        """The class index of every image."""
        return self._all_labels[self._indices]

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> tuple[Image, int]:
        position = int(self._indices[index])
        return _decode(self._dataset, position), int(self._all_labels[position])

    def take(self, indices: npt.NDArray[np.int64]) -> IndexedImages:
        """Return the images at `indices`, in that order."""
        return IndexedImages(self._dataset, self._all_labels, self._indices[indices])

    def fingerprint(self) -> str:
        """Return the digest of all labels and positions, and of a few images."""
        probes = np.linspace(0, len(self) - 1, num=min(_PROBED, len(self))).astype(int)
        pixels = [np.ascontiguousarray(self[int(i)][0]).data for i in probes]
        return digest_of([self.labels.astype("<i8").data, self._indices.astype("<i8").data, *pixels])


def accepts(spec: str) -> bool:
    """Tell whether `spec` means this source."""
    return _NAME.fullmatch(spec) is not None


def load(spec: str, *, resolution: int, seed: int, root: Path | None) -> ImageData:
    """Load a data set by timm's name.

    Raises:
        UserError: if the set, or the package that reads it, is missing.
    """
    name = spec.removesuffix("+download")
    if name.startswith("torch/") and root is None:
        raise UserError(f"data {spec!r}: the folder that holds it (or should) must be given, as --data-root")
    train_set = _open(spec, "train", root)
    train = _images(train_set, resolution)
    if train is None:
        raise UserError(f"data {spec!r}: the training split has no images, or images without labels")
    search, test = _held_out(spec, root, resolution)
    names = _class_names(train_set, train.labels)
    return assemble(name, names, (train, search, test), resolution=resolution, seed=seed, where=f"data {spec!r}")


def _held_out(spec: str, root: Path | None, resolution: int) -> tuple[Images | None, Images | None]:
    """Return the search and the test split, as far as the source has them."""
    validation = _open_if_any(spec, "validation", root, resolution)
    # torchvision takes every name but "train" for the same held-out images.
    test = None if spec.startswith("torch/") else _open_if_any(spec, "test", root, resolution)
    return (None, validation) if test is None else (validation, test)


def _open(spec: str, split: str, root: Path | None) -> Any:
    torch_compat.prepare()
    from timm.data import create_dataset

    name = spec.removesuffix("+download")
    try:
        return create_dataset(name, root=str(root) if root else None, split=split, download=spec.endswith("+download"))
    except (ImportError, RuntimeError, OSError, AssertionError, ValueError, KeyError) as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        hint = "" if spec.endswith("+download") else f"; to download it, ask for {spec}+download"
        raise UserError(f"data {spec!r}: cannot be opened ({detail}){hint}") from None


def _open_if_any(spec: str, split: str, root: Path | None, resolution: int) -> Images | None:
    try:
        dataset = _open(spec, split, root)
    except UserError:  # the training split did open: this one does not exist
        return None
    return _images(dataset, resolution)


def _images(dataset: Any, resolution: int) -> Images | None:
    """Return the images of one split, or None if it has none with labels."""
    from torch.utils.data import IterableDataset

    if isinstance(dataset, IterableDataset):
        streamed = stack(dataset, resolution)
        return streamed if _all_labelled(streamed.labels) else None
    targets = dataset.targets if hasattr(dataset, "targets") else dataset.reader.iter_targets()
    labels = np.fromiter((int(target) for target in targets), dtype=np.int64)
    if not _all_labelled(labels):
        return None
    images = IndexedImages(dataset, labels, np.arange(len(labels)))
    return in_memory_if_small(images, [images[0][0].size])


def _all_labelled(labels: Labels) -> bool:
    return bool(len(labels)) and int(labels.min()) >= 0


def _decode(dataset: Any, position: int) -> Image:
    from PIL import Image

    reader = getattr(dataset, "reader", None)
    if reader is None:
        return to_rgb(dataset[position][0])
    # Through the reader: timm's own data set puts the next image in place of a damaged one.
    stream = reader[position][0]
    try:
        with Image.open(stream) as image:
            return to_rgb(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"image {position} of the data set cannot be decoded ({error})") from None


def _class_names(dataset: Any, labels: Labels) -> list[str]:
    names = getattr(dataset, "classes", None)
    if names is None:
        mapping = getattr(getattr(dataset, "reader", None), "class_to_idx", None) or {}
        names = sorted(mapping, key=mapping.__getitem__)
    count = int(labels.max()) + 1
    return [str(n) for n in names] if len(names) >= count else [str(i) for i in range(count)]
