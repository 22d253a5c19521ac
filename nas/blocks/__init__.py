"""Block families: one file each, found by themselves.

A family is a frozen dataclass (the description that stands in YAML and JSON) whose `build` makes a plain
`nn.Module` from timm parts. Costs, latency, weight sharing and export are read from that module, so a new family
is one new file in this folder that defines ``BLOCK``. A file outside the package is loaded by `nas.blocks.user`.

Where slices of leading channels are not enough for weight sharing, a family may have a class attribute ``packed``: by
the name of a weight, of how many equal parts each of its dimensions consists (`nas.model.slicing`).

Notation: feature maps are ``(N, C, H, W)``.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

from torch import nn

from nas import torch_compat
from nas.errors import UserError, unknown_name

# The family files import timm at their top, and timm cannot be imported before this has run.
torch_compat.prepare()


@runtime_checkable
class Block(Protocol):
    """One block of a network: hashable, comparable, and able to build its module."""

    kind: ClassVar[str]
    """The family's name in YAML and JSON."""
    reshapes: ClassVar[bool]
    """Whether a block may change the number of channels or the resolution (and so open a stage)."""

    @property
    def out_chs(self) -> int:
        """Channels of the output."""

    @property
    def stride(self) -> int:
        """Factor by which height and width shrink."""

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """Names of the weights that scale what the block adds to its skip; none where it has no skip.

        A supernet starts them at zero, so that blocks of every family begin as the identity.
        """

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""


def block_types() -> Mapping[str, type[Block]]:
    """Return every block family by its kind: those of the package, and those registered in this process."""
    return _families()


def register(family: type[Block]) -> None:
    """Make a family from outside the package known to this process (see `nas.blocks.user`)."""
    _families()[family.kind] = family


@functools.cache
def _families() -> dict[str, type[Block]]:
    found: dict[str, type[Block]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        family = getattr(module, "BLOCK", None)
        if family is not None:
            found[family.kind] = family
    return found


def unknown_kind(kind: str) -> UserError:
    """Return the error for a family that does not exist, naming the nearest one."""
    return UserError(f"{unknown_name('block kind', kind, block_types())} (one of your own: --blocks FILE)")
