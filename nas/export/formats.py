"""What an export format is, and which formats there are.

A format is a module of this folder with a constant ``EXPORTER``. Nothing lists the formats: adding one is
adding its file. Such modules import their converter inside functions, so that listing the formats stays
quick.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from nas.errors import unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

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
    """

    resolution: int
    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    digest: str = ""
    macs: int | None = None
    architecture: Architecture | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        return len(self.mean), self.resolution, self.resolution


class Exporter(Protocol):
    """Writes a module in one format, a file or a folder, and runs what was written.

    Attributes:
        suffix: of the file or folder, with its dot.
        batch_sizes: what the file must accept; verified one by one.
        tolerance: largest difference from PyTorch, relative to the largest logit.
        folds: whether the file holds the network as it is deployed, its branches folded (`nas.model.folding`), or as
            it is trained.
    """

    suffix: str
    batch_sizes: tuple[int, ...]
    tolerance: float
    folds: bool

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` (in eval mode, on the CPU) to `path`, whole or not at all."""
        ...

    def load(self, path: Path) -> Run:
        """Open a written file in the format's own runtime."""
        ...


@functools.cache
def _exporters() -> Mapping[str, Exporter]:
    package = __name__.rpartition(".")[0]
    folder = str(Path(__file__).parent)
    found: dict[str, Exporter] = {}
    for module_info in pkgutil.iter_modules([folder]):
        module = importlib.import_module(f"{package}.{module_info.name}")
        if hasattr(module, "EXPORTER"):
            found[module_info.name] = cast(Exporter, module.EXPORTER)
    return MappingProxyType(found)


def format_names() -> list[str]:
    """Return the names of every export format, sorted."""
    return sorted(_exporters())


def exporter(name: str) -> Exporter:
    """Return the exporter of the format `name`.

    Raises:
        UserError: if there is no such format; names the nearest one.
    """
    if name not in _exporters():
        raise unknown_name("export format", name, format_names())
    return _exporters()[name]
