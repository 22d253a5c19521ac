"""Where networks are trained and scored: one device, chosen by name and passed on explicitly.

A CPU computes in float32. A CUDA device computes forward passes of a training in bfloat16 (autocast), on weights laid
out channels last; scores are taken in float32 everywhere. None of the GPU paths has been run on a GPU yet.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from nas.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn

    Module = TypeVar("Module", bound=nn.Module)

AUTO = "auto"
CPU = "cpu"
_LEGAL = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


def checked_device(name: str) -> str:
    """Return `name` if its form is legal: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UserError: otherwise.
    """
    if _LEGAL.fullmatch(name) is None:
        raise UserError(f"device {name!r} is not legal; allowed: auto, cpu, cuda, cuda:0 (or another number), mps")
    return name


def resolve(name: str) -> torch.device:
    """Return the device that a name stands for on this machine; ``auto`` takes a GPU where there is one.

    Raises:
        UserError: if it is not a legal name, or this machine has no such device.
    """
    import torch

    checked_device(name)
    if name == AUTO:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else CPU
    device = torch.device(name)
    if device.type == "cuda":
        _require_cuda(name, device.index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("device 'mps': torch finds no Apple GPU here; use --device auto or cpu")
    return device


def _require_cuda(name: str, index: int | None) -> None:
    import torch

    if not torch.cuda.is_available():
        built = "finds none here" if torch.version.cuda else "was installed without CUDA"
        raise UserError(f"device {name!r}: torch {torch.__version__} {built}; use --device auto or cpu")
    count = torch.cuda.device_count()
    if index is not None and index >= count:
        raise UserError(f"device {name!r}: there are {count} CUDA devices here, the last is cuda:{count - 1}")


def placed(module: Module, device: torch.device) -> Module:
    """Move a module to a device in place, on a GPU with its convolutions' weights channels last."""
    import torch

    module.to(device)
    if device.type == "cuda":
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs do not have it
    return module


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return the context of the forward passes of a training on a device."""
    import torch

    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
