"""What a block family has to be, tried out on it without computing anything: for families that come from outside."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WIDTHS = (16, 32, 64, 96)  # the first that the family takes is tried
_SIZES = (8, 7)  # an odd map too: a stage may meet one
_SCALARS = (int, float, str, bool)


class ContractError(ValueError):
    """A family that does not keep to the contract, with what it does wrong."""


def check_family(family: Any) -> None:
    """Try out a block family: its attributes, its fields, and the shapes that its modules give.

    Args:
        family: what a file calls its ``BLOCK``.

    Raises:
        ContractError: if it is no family that `nas.blocks.Block` describes, naming the attribute.
        Exception: whatever the family's own code raises.
    """
    _require(isinstance(family, type), f"BLOCK must be a class, got {type(family).__name__}")
    frozen = dataclasses.is_dataclass(family) and _is_frozen(family)
    _require(frozen, f"class {family.__name__} must be a frozen dataclass: @dataclass(frozen=True, slots=True)")
    _check_attributes(family)
    _check_fields(family)
    block = _example(family)
    _require(block == _example(family), f"{block} does not equal another one with the same fields")
    for stride in (1, 2) if family.reshapes else (1,):
        made = dataclasses.replace(block, stride=stride) if family.reshapes else block
        for in_chs in (block.out_chs, block.out_chs // 2) if family.reshapes else (block.out_chs,):
            _check_module(made, in_chs)


def _check_attributes(family: type) -> None:
    name, fields = family.__name__, _fields(family)
    for attribute in ("kind", "reshapes", "stride", "residual_exits", "build", "out_chs"):
        _require(hasattr(family, attribute) or attribute in fields, f"class {name} has no {attribute!r}")
    for attribute in ("kind", "reshapes"):
        _require(attribute not in fields, f"class {name}: {attribute} must be a ClassVar, not a field")
    kind, reshapes = family.kind, family.reshapes  # type: ignore[attr-defined]
    legal = isinstance(kind, str) and _KIND.fullmatch(kind) is not None
    _require(legal, f"class {name}: kind must be a name of small letters, digits and _, got {kind!r}")
    _require(isinstance(reshapes, bool), f"class {name}: reshapes must be True or False, got {reshapes!r}")
    _require(callable(family.build), f"class {name}: build must be a method")  # type: ignore[attr-defined]
    _require("out_chs" in fields, f"class {name}: out_chs must be a field")
    _require("stride" in fields or not reshapes, f"class {name}: stride must be a field, because reshapes is True")
    _require(reshapes or "stride" not in fields, f"class {name}: stride must be a property that gives 1 (no reshapes)")


def _check_fields(family: type) -> None:
    hints = typing.get_type_hints(family)
    for field in _fields(family).values():
        where, hint = f"class {family.__name__}: field {field.name}", hints[field.name]
        values = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else None
        _require(hint in _SCALARS or values is not None, f"{where} must be an int, float, str, bool or Literal")
        _require(field.name == "out_chs" or field.default is not dataclasses.MISSING, f"{where} needs a default")


def _example(family: type) -> Any:
    refused = ""
    for width in _WIDTHS:
        try:
            return family(out_chs=width)
        except ValueError as error:
            refused = str(error)
    raise ContractError(f"class {family.__name__} takes none of the out_chs {_WIDTHS} with its defaults ({refused})")


def _check_module(block: Any, in_chs: int) -> None:
    _require(isinstance(block.stride, int), f"{block}: stride must be a whole number, got {block.stride!r}")
    with torch.device("meta"):
        module = block.build(in_chs)
    _require(isinstance(module, nn.Module), f"build({in_chs}) of {block} gives no nn.Module")
    for size in _SIZES:
        given = (2, in_chs, size, size)
        side = -(-size // block.stride)
        wanted = (2, block.out_chs, side, side)
        with torch.device("meta"), torch.no_grad():
            out = module.eval()(torch.empty(given))
        shape = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        _require(shape == wanted, f"build({in_chs}) of {block} turns {given} into {shape}, not into {wanted}")
    if block.stride == 1 and in_chs == block.out_chs:
        names = dict(module.named_parameters())
        for name in _exits(block):
            _require(name in names, f"{block}: residual_exits names {name!r}, which its module does not have")


def _exits(block: Any) -> Iterator[str]:
    exits = block.residual_exits
    _require(isinstance(exits, tuple), f"{block}: residual_exits must be a property that gives a tuple of names")
    yield from exits


def _is_frozen(family: Any) -> bool:
    return bool(family.__dataclass_params__.frozen)


def _fields(family: type) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(family)}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ContractError(inspect.cleandoc(message))
