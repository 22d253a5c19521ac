"""One description for each network.

Two blocks are *the same network* where their modules are: the same classes with the same names, settings and shapes of
weights, for the channels and the map that come in. Different fields can make the same module in few ways only, and
each has one rule:

- *a field that does not matter* must keep its default (blocks, stems and heads refuse any other value themselves);
- *a ratio that is rounded to whole channels*: 2.3, 2.4 and 2.5 times 16 channels are all 40 channels. Of the ratios
  that make the same module the canonical one has the fewest decimals, and is the middle one of those: 2.5. (Which
  ratios do is read from the module, not from formulas.);
- *a window as large as the map* is the whole map, 0. As in Swin (arXiv 2103.14030) a larger window is cut to the map.

`Architecture` makes its blocks canonical, so that equal networks are equal objects with one digest; a space refuses
choices that it could not tell apart. Different are a block and another family's that computes the same under other
names of weights (``uib`` without its first depthwise convolution and ``mbconv``): checkpoints tell them apart.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields, replace
from typing import Any

import torch
from torch import nn

from nas.blocks import Block

# Channels are rounded to multiples of this or of a divisor of it (group widths aside).
_ROUNDED_TO = 8
_MAX_DECIMALS = 3
# What has no part in numbers of channels; without it many blocks share one answer.
_SHAPELESS = ("act", "kernel_size", "stride")


def canonical(block: Block, in_chs: int, side: int) -> Block:
    """Return the canonical description of a block that takes `in_chs` channels on a map of `side` x `side`."""
    changes = _changes(block, in_chs, side)  # type: ignore[arg-type]  # every block is a frozen dataclass
    return replace(block, **dict(changes)) if changes else block  # type: ignore[type-var]


@functools.lru_cache(maxsize=65536)
def _changes(given: Block, in_chs: int, side: int) -> tuple[tuple[str, Any], ...]:
    """Return the fields in which the canonical description differs."""
    block = given
    if 0 < side <= getattr(block, "window_size", 0):
        block = replace(block, window_size=0)  # type: ignore[type-var]
    for name in ratio_fields(type(block)):
        ratio = getattr(block, name)
        if not _is_plain(block, ratio, in_chs):
            simplest = _simplest(_bare(block), name, in_chs)  # type: ignore[arg-type]
            if simplest != ratio:
                block = replace(block, **{name: simplest})  # type: ignore[type-var]
    names = (f.name for f in fields(block))  # type: ignore[arg-type]
    return tuple((name, getattr(block, name)) for name in names if getattr(block, name) != getattr(given, name))


def fingerprint(module: nn.Module) -> Hashable:
    """Return all that makes a module what it is, but for the values of its weights."""
    weights = tuple((name, tuple(tensor.shape)) for name, tensor in module.state_dict().items())
    return weights, tuple((name, *_settings(part)) for name, part in module.named_modules())


@functools.cache
def ratio_fields(family: type[Block]) -> tuple[str, ...]:
    """Return the names of a family's fields that are fractions of channels: all that are no whole numbers."""
    return tuple(f.name for f in fields(family) if f.type == "float")  # type: ignore[arg-type]


def _is_plain(block: Block, ratio: float, in_chs: int) -> bool:
    """Whether nothing can be rounded: then the ratio is canonical, and no module has to be made to see it."""
    whole = float(ratio).is_integer() and not hasattr(block, "group_width")
    return whole and in_chs % _ROUNDED_TO == 0 and block.out_chs % _ROUNDED_TO == 0


def _bare(block: Block) -> Block:
    """Return the block with defaults in the fields that have no part in numbers of channels."""
    defaults = {f.name: f.default for f in fields(block)}  # type: ignore[arg-type]
    changes = {n: defaults[n] for n in _SHAPELESS if n in defaults and defaults[n] is not MISSING}
    return replace(block, **changes)  # type: ignore[type-var]


@functools.lru_cache(maxsize=65536)
def _simplest(block: Block, name: str, in_chs: int) -> float:
    """Return the canonical one of the ratios that make the same module as the block's."""
    ratio = float(getattr(block, name))
    wanted = _made(block, in_chs)  # type: ignore[arg-type]

    def same(candidate: float) -> bool:
        try:
            other = replace(block, **{name: candidate})  # type: ignore[type-var]
        except ValueError:  # out of the field's range
            return False
        return bool(_made(other, in_chs) == wanted)  # type: ignore[arg-type]

    for decimals in range(_MAX_DECIMALS + 1):
        scale: int = 10**decimals
        # The ratios that make one module are neighbours, so the grid is walked from the given one to both ends.
        low = math.floor(ratio * scale)
        below = _walk(low, -1, scale, same)
        above = _walk(low + 1, 1, scale, same)
        found = sorted([*below, *above])
        if found:
            return found[(len(found) - 1) // 2] / scale
    return ratio


def _walk(start: int, step: int, scale: int, same: Callable[[float], bool]) -> list[int]:
    found = []
    while start > 0 and same(start / scale):
        found.append(start)
        start += step
    return found


@functools.lru_cache(maxsize=65536)
def _made(block: Block, in_chs: int) -> Hashable:
    with torch.device("meta"):
        return fingerprint(block.build(in_chs))


def _settings(module: nn.Module) -> tuple[Any, ...]:
    plain = (bool, int, float, str, tuple, type(None))
    held = {k: v for k, v in vars(module).items() if not k.startswith("_") and isinstance(v, plain)}
    return type(module).__qualname__, module.extra_repr(), tuple(sorted((k, repr(v)) for k, v in held.items()))
