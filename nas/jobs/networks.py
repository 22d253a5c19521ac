"""A network as users name it: ``timm:NAME``, a file of an architecture, or an ONNX file. Gives its operations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas import torch_compat
from nas.errors import UserError

if TYPE_CHECKING:
    from nas.cost.ops import Trace

TIMM = "timm:"
_ONNX = ".onnx"
_FILES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class NamedNetwork:
    """A network that was found.

    Attributes:
        name: as it was asked for.
        resolution: side of its image.
        trace: its operations.
    """

    name: str
    resolution: int
    trace: Trace


def find_network(name: str, resolution: int | None, folder: Path = Path()) -> NamedNetwork:
    """Return the network that `name` stands for.

    Args:
        name: ``timm:NAME`` or a file.
        resolution: side of the image; None takes the network's own.
        folder: that relative files are looked for in.

    Raises:
        UserError: if there is no such network, or it cannot have the resolution.
    """
    torch_compat.prepare()
    path = folder / name
    if name.startswith(TIMM):
        return _timm(name, resolution)
    if path.suffix == _ONNX:
        from nas.cost.onnx_trace import load_onnx

        model = load_onnx(path, resolution)
        return NamedNetwork(name, model.input_shape[1], model.trace)
    if path.suffix in _FILES:
        return _architecture(name, path, resolution)
    raise UserError(f"network {name!r}: expected timm:NAME, an architecture (.json, .yaml) or an ONNX file (.onnx)")


def _timm(name: str, resolution: int | None) -> NamedNetwork:
    from nas.cost.trace import trace_module
    from nas.jobs.predict import timm_module

    module, side = timm_module(name.removeprefix(TIMM), resolution)
    try:
        return NamedNetwork(name, side, trace_module(module, (3, side, side)))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name} cannot run at {side} pixels ({reason})") from None


def _architecture(name: str, path: Path, resolution: int | None) -> NamedNetwork:
    from dataclasses import replace

    import torch

    from nas.cost.trace import trace_module
    from nas.model.network import assemble
    from nas.space.architecture import load_architecture

    architecture = load_architecture(path)
    if resolution is not None:
        try:
            architecture = replace(architecture, resolution=resolution)
        except ValueError as error:
            raise UserError(f"{name}: {error}") from None
    side = architecture.resolution
    with torch.device("meta"):
        module = assemble(architecture)
    return NamedNetwork(name, side, trace_module(module, (3, side, side)))
