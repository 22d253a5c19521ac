"""From what a user names to a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from nas.data import arrays, digits, folder, photos, timm_sets
from nas.data.images import ImageData
from nas.errors import UserError


class Source(Protocol):
    """A module that loads one kind of data set."""

    def accepts(self, spec: str) -> bool:
        """Tell whether `spec` means this source."""

    def load(self, spec: str, *, resolution: int, seed: int, root: Path | None) -> ImageData:
        """Load what `spec` means."""


# A new source is one file with `accepts` and `load`, and its name here; the folder comes last, it takes any
# path.
_SOURCES: tuple[Source, ...] = (digits, photos, arrays, timm_sets, folder)
_MIN_RESOLUTION = 8
_MAX_RESOLUTION = 4096


def load_data(spec: str, *, resolution: int, seed: int = 0, root: Path | None = None) -> ImageData:
    """Load a data set and split it.

    Args:
        spec: ``"digits"``, ``"sample-photos"``, a folder of class folders, an ``.npz`` file, or a name of timm's such
            as ``"torch/cifar10"`` (``"torch/cifar10+download"`` may download it).
        resolution: side length in pixels that batches are made at.
        seed: decides which images are held out where the source does not say.
        root: folder that relative paths and timm's data sets are looked for in.

    Raises:
        UserError: if the data cannot be used; the message names the file or folder.
    """
    if not _MIN_RESOLUTION <= resolution <= _MAX_RESOLUTION:
        raise UserError(f"resolution {resolution}: allowed are {_MIN_RESOLUTION} to {_MAX_RESOLUTION} pixels")
    return _source(spec).load(spec, resolution=resolution, seed=seed, root=root)


def absolute(spec: str, root: Path | None) -> tuple[str, Path | None]:
    """Return `spec` and `root` such that they mean the same data in every working directory."""
    if root is not None:
        return spec, root.absolute()
    is_path = _source(spec) in (arrays, folder)
    return str(Path(spec).absolute()) if is_path else spec, None


def _source(spec: str) -> Source:
    return next(source for source in _SOURCES if source.accepts(spec))
