"""What an export format is, and which formats there are.

A format is a module of this folder with a constant ``EXPORTER``; the format is called as the module, with ``-`` for
``_``. Nothing lists the formats: adding one is adding its file. Such modules import their converter inside functions,
so that listing the formats stays quick.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from nas.errors import UserError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from nas.export.usage import Snippet
    from nas.space.architecture import Architecture

    Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
    """Images (N, C, H, W) to logits (N, classes), by the runtime of a format."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a file says about the network inside it, for whoever deploys it.

    Attributes:
        resolution: height and width of the input image in pixels.
        class_names: one name per logit, in order; empty if unknown.
        mean: per channel, subtracted from pixels in 0..1 before the network.
        std: per channel, divides what is left.
        digest: the architecture's digest; empty if the module has none.
        macs: multiply-adds of one image.
        architecture: what the module is; None if it is any other module, which not every format takes.
        timm_name: what timm calls the module, with weights of the same names; empty if it is none of timm's.
        num_classes: how many it tells apart; 0 if nobody needs to know.
    """

    resolution: int
    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    digest: str = ""
    macs: int | None = None
    architecture: Architecture | None = None
    timm_name: str = ""
    num_classes: int = 0

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        return len(self.mean), self.resolution, self.resolution

    def metadata(self, layout: str) -> dict[str, str]:
        """Return what a file says about itself; lists are JSON, and what is not known is left out.

        Args:
            layout: of the input, such as ``"NCHW"``.
        """
        texts = {
            "class_names": json.dumps(self.class_names, ensure_ascii=False),
            "mean": json.dumps(self.mean),
            "std": json.dumps(self.std),
            "resolution": str(self.resolution),
            "layout": layout,
            "digest": self.digest,
            "macs": "" if self.macs is None else str(self.macs),
        }
        return {key: text for key, text in texts.items() if text}


class Exporter(Protocol):
    """Writes a module in one format, a file or a folder, and runs what was written.

    Attributes:
        suffix: of the file or folder, with its dot.
        batch_sizes: what the file must accept; verified one by one.
        tolerance: largest difference from PyTorch, relative to the largest logit; None for integers, of which single
            numbers are not compared.
        needs: modules that must be importable, none of them the package's own.
        extra: what installs them: ``pip install 'nas[EXTRA]'``.
        folds: whether the file holds the network as it is deployed, its branches folded (`nas.model.folding`), or as
            it is trained.
    """

    suffix: str
    batch_sizes: tuple[int, ...]
    tolerance: float | None
    folds: bool
    needs: tuple[str, ...]
    extra: str

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` (in eval mode, on the CPU) to `path`, whole or not at all."""
        ...

    def load(self, path: Path) -> Run:
        """Open a written file in the format's own runtime."""
        ...

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run a written file: five at most, from a photo to the number of its class.

        Args:
            path: of the file, as the lines shall call it.
            facts: what was written into it.
        """
        ...


@runtime_checkable
class Quantizing(Exporter, Protocol):
    """A format of integers: it has to see images before it can write."""

    def calibrated(self, images: Tensor) -> Exporter:
        """Return the exporter that takes the ranges of its integers from `images`.

        Args:
            images: (N, C, H, W) of the training split, normalised as in training.
        """
        ...

    def load_plain(self, path: Path) -> Run | None:
        """Open a written file in the same runtime with its plainest kernels; None where it has one set only."""
        ...


def require_images(images: Tensor | None, format_name: str) -> Tensor:
    """Return the images that a format of integers is to be calibrated with.

    Raises:
        UserError: if there are none.
    """
    if images is None or len(images) == 0:
        raise UserError(f"{format_name}: images of the training split are needed to calibrate it")
    return images


@functools.cache
def _exporters() -> Mapping[str, Exporter]:
    package = __name__.rpartition(".")[0]
    folder = str(Path(__file__).parent)
    found: dict[str, Exporter] = {}
    for module_info in pkgutil.iter_modules([folder]):
        module = importlib.import_module(f"{package}.{module_info.name}")
        if hasattr(module, "EXPORTER"):
            found[module_info.name.replace("_", "-")] = cast(Exporter, module.EXPORTER)
    return MappingProxyType(found)


def format_names() -> list[str]:
    """Return the names of every export format, sorted."""
    return sorted(_exporters())


def installed_formats() -> tuple[str, ...]:
    """Return the names of the export formats that can be written here, sorted."""
    return tuple(name for name in format_names() if not missing_modules(name))


def missing_modules(name: str) -> tuple[str, ...]:
    """Return what the format `name` needs and is not installed; nothing if it can be written here."""
    return tuple(module for module in _exporters()[name].needs if importlib.util.find_spec(module) is None)


def exporter(name: str) -> Exporter:
    """Return the exporter of the format `name`.

    Raises:
        UserError: if there is no such format (names the nearest one), or what writes it is not installed.
    """
    if name not in _exporters():
        raise unknown_name("export format", name, format_names())
    found, missing = _exporters()[name], missing_modules(name)
    if missing:
        install = f"pip install 'nas[{found.extra}]'"
        raise UserError(f"export format {name!r} needs {', '.join(missing)}, not installed here: {install}")
    return found
