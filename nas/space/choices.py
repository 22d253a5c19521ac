"""Choices as they stand in YAML: one value, a list, or a range; a list may hold ranges.

A range is inclusive at both ends::

    kernel_size: {from: 3, to: 7, step: 2}         # 3, 5, 7
    exp_ratio: {from: 1, to: 2.5, step: 0.5}       # 1, 1.5, 2, 2.5; `to` has to be reached
    out_chs: {from: 20, to: 48, multiple_of: 8}    # 24, 32, 40, 48: every multiple between
    out_chs: [8, {from: 16, to: 64, step: 16}]     # 8, 16, 32, 48, 64

Needs no torch, so that spaces are listed quickly.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from nas.errors import nearest
from nas.schema import Problems, describe

Choices = Any
"""A scalar, a list of scalars and ranges, or a range; `expand` checks it."""

MAX_VALUES = 256
_KEYS = ("from", "to", "step", "multiple_of")


def expand(given: Choices, path: str, problems: Problems, *, multiple_of: int = 1) -> tuple[Any, ...]:
    """Return every value that choices allow, each once, in the order given.

    Args:
        given: what stands in the file.
        path: its place, for messages.
        problems: takes what is wrong.
        multiple_of: every value is to be a multiple of it, and a range without step has every multiple. Values that
            are none are refused, not rounded: the file says what is searched.
    """
    parts = given if isinstance(given, (list, tuple)) else [given]
    values: list[Any] = []
    for i, part in enumerate(parts):
        place = f"{path}[{i}]" if isinstance(given, (list, tuple)) else path
        if isinstance(part, dict):
            values += _range(part, place, problems, multiple_of)
        elif isinstance(part, (list, tuple)):
            problems.add(place, "choices are values and ranges, not lists in lists")
        else:
            _require_multiple(part, multiple_of, place, problems)
            values.append(part)
    if not parts:
        problems.add(path, "needs at least one value")
    return tuple(dict.fromkeys(values))


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return choices as a tuple, whether one value or several were given."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _require_multiple(value: Any, multiple_of: int, path: str, problems: Problems) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value % multiple_of:
        below = value // multiple_of * multiple_of
        legal = ", ".join(str(v) for v in (below, below + multiple_of) if v > 0)
        problems.add(path, f"{value} is no multiple of {multiple_of}; nearest: {legal}")


def _range(given: dict[Any, Any], path: str, problems: Problems, multiple_of: int) -> list[Any]:
    """Return the values of a range; none, with the problems noted, if it is wrong."""
    before = len(problems.messages)
    for key, value in given.items():
        if key not in _KEYS:
            close = nearest(str(key), _KEYS)
            hint = f"; did you mean {close!r}?" if close else ";"
            problems.add(f"{path}.{key}", f"unknown key{hint} a range has: {', '.join(_KEYS)}")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            problems.add(f"{path}.{key}", f"expected a number, got {describe(value)}")
        elif key in ("step", "multiple_of") and value <= 0:
            problems.add(f"{path}.{key}", f"must be more than 0, got {value}")
    for key in ("from", "to"):
        if key not in given:
            problems.add(f"{path}.{key}", "required, but missing")
    if "step" in given and "multiple_of" in given:
        problems.add(path, "step and multiple_of exclude each other: multiples are a step apart")
    elif "step" not in given and "multiple_of" not in given and multiple_of == 1:
        problems.add(path, "needs a step or multiple_of")
    if len(problems.messages) > before:
        return []
    return _values(given, path, problems, multiple_of)


def _values(given: dict[str, Any], path: str, problems: Problems, multiple_of: int) -> list[Any]:
    first, last = _exact(given["from"]), _exact(given["to"])
    if "step" in given:
        step = _exact(given["step"])
    else:
        step = _exact(given.get("multiple_of", multiple_of))
        first, last = math.ceil(first / step) * step, math.floor(last / step) * step
    if first > last:
        problems.add(path, f"holds no value between {given['from']} and {given['to']}")
        return []
    if (last - first) % step:
        reached = first + (last - first) // step * step
        legal = f"{_plain(reached)} or {_plain(reached + step)}"
        problems.add(f"{path}.to", f"{given['to']} is not reached in steps of {given['step']}; nearest: {legal}")
        return []
    count = int((last - first) / step) + 1
    if count > MAX_VALUES:
        problems.add(path, f"holds {count} values, more than {MAX_VALUES}")
        return []
    values = [_plain(first + i * step) for i in range(count)]
    for value in values:
        _require_multiple(value, multiple_of, path, problems)
    return values


def _exact(number: int | float) -> Fraction:
    """Return the number as it was written: 0.1 is a tenth."""
    return Fraction(str(number))


def _plain(number: Fraction) -> int | float:
    return int(number) if number.denominator == 1 else float(number)
