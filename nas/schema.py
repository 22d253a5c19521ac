"""Untrusted dictionaries into frozen dataclasses, with every problem reported at once.

`read(cls, data)` follows the dataclass's type hints; unknown keys are refused; each problem carries its path
(``$.stages[2].kernel_size``). `to_dict` is the inverse. Supported types: int, float, str, bool, None,
`Literal`, unions, `tuple[T, ...]`, fixed tuples, `dict[str, T]`, nested dataclasses and `Any`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from nas import yaml_text
from nas.errors import UserError, nearest

T = TypeVar("T")

_LATER = "left out of documents at its default"
_SILENT = "and no question at its default"


class Problems:
    """Collects what is wrong with a document, each problem with its path."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, path: str, message: str) -> None:
        """Note one problem at `path`."""
        self.messages.append(f"{path}: {message}")

    def raise_if_any(self, source: str) -> None:
        """Raise one `UserError` that lists every problem found in `source`."""
        if self.messages:
            count = len(self.messages)
            head = f"{source}: {count} problem{'s' if count > 1 else ''}"
            raise UserError("\n  ".join([head, *self.messages]))


def read(cls: type[T], data: object, *, source: str = "document") -> T:
    """Turn `data` into an instance of the dataclass `cls`.

    Raises:
        UserError: listing every problem, each with its path.
    """
    problems = Problems()
    value = convert(cls, data, "$", problems)
    problems.raise_if_any(source)
    return typing.cast(T, value)


def later(default: T, *, silent: bool = False) -> T:
    """Make a field that a dataclass gained after documents of it were written.

    `to_dict` leaves it out where it has its default, so that what is made of documents (digests) stays as it was.

    Args:
        default: what it is where a document does not say.
        silent: draw nothing for it where a search space has the default alone, so that seeds go on drawing the same.
    """
    return dataclasses.field(default=default, metadata={_LATER: True, _SILENT: silent})


def later_defaults(cls: Any, *, silent: bool = False) -> dict[str, Any]:
    """Return the fields of a dataclass that it gained later (with `silent` those alone), with their defaults."""
    mark = _SILENT if silent else _LATER
    return {f.name: f.default for f in dataclasses.fields(cls) if f.metadata.get(mark)}


def to_dict(value: object) -> Any:
    """Turn dataclasses into plain dictionaries and lists, ready for JSON or YAML."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {f.name: to_dict(v) for f, v in pairs if not (f.metadata.get(_LATER) and v == f.default)}
    if isinstance(value, dict):
        return {k: to_dict(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_dict(v) for v in value]
    return value


def load_yaml(path: Path) -> Any:
    """Parse one YAML file safely.

    Raises:
        UserError: if the file is missing, unreadable or not YAML.
    """
    try:
        if path.stat().st_size > yaml_text.MAX_BYTES:
            raise UserError(f"{path}: {path.stat().st_size:,} bytes; at most {yaml_text.MAX_BYTES:,} are read")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path}: cannot be read ({reason})") from None
    try:
        return yaml_text.parse(text)
    except ValueError as error:
        raise UserError(f"{path}: not valid YAML ({error})") from None


def convert(hint: Any, data: object, path: str, problems: Problems) -> object:
    """Convert `data` to the type `hint`, noting problems instead of raising."""
    if hint is Any:
        return data
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _convert_dataclass(hint, data, path, problems)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return _convert_literal(typing.get_args(hint), data, path, problems)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(typing.get_args(hint), data, path, problems)
    if origin is tuple:
        return _convert_tuple(typing.get_args(hint), data, path, problems)
    if origin is dict:
        return _convert_dict(typing.get_args(hint)[1], data, path, problems)
    return _convert_scalar(hint, data, path, problems)


@functools.cache
def _type_hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _convert_dataclass(cls: type, data: object, path: str, problems: Problems) -> object:
    if not isinstance(data, dict):
        problems.add(path, f"expected a mapping, got {describe(data)}")
        return None
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    hints = _type_hints(cls)
    before = len(problems.messages)
    for key in data:
        if key not in fields:
            close = nearest(str(key), fields)
            hint = f"; did you mean {close!r}?" if close else ";"
            problems.add(f"{path}.{key}", f"unknown key{hint} allowed: {', '.join(fields)}")
    values: dict[str, object] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = convert(hints[name], data[name], f"{path}.{name}", problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.add(f"{path}.{name}", "required, but missing")
    if len(problems.messages) > before:
        return None
    try:
        return cls(**values)
    except (ValueError, UserError) as error:
        problems.add(path, str(error))
        return None


def _convert_literal(allowed: tuple[Any, ...], data: object, path: str, problems: Problems) -> object:
    for value in allowed:
        if type(value) is type(data) and value == data:
            return value
    close = nearest(data, [str(a) for a in allowed]) if isinstance(data, str) else None
    hint = f"; did you mean {close!r}?" if close else ";"
    problems.add(path, f"{describe(data)} is not legal{hint} allowed: {', '.join(map(str, allowed))}")
    return None


def _convert_union(options: tuple[Any, ...], data: object, path: str, problems: Problems) -> object:
    for option in options:
        attempt = Problems()
        value = convert(option, data, path, attempt)
        if not attempt.messages:
            return value
    # The problems of the option that matches the data's shape say most.
    shaped = [o for o in options if _same_shape(o, data)]
    if shaped:
        return convert(shaped[0], data, path, problems)
    problems.add(path, f"expected {' or '.join(type_name(o) for o in options)}, got {describe(data)}")
    return None


def _same_shape(hint: Any, data: object) -> bool:
    if isinstance(data, dict):
        return dataclasses.is_dataclass(hint) or typing.get_origin(hint) is dict
    return isinstance(data, (list, tuple)) and typing.get_origin(hint) is tuple


def _convert_tuple(args: tuple[Any, ...], data: object, path: str, problems: Problems) -> object:
    if not isinstance(data, (list, tuple)):
        problems.add(path, f"expected a list, got {describe(data)}")
        return None
    if len(args) == 2 and args[1] is Ellipsis:
        hints: list[Any] = [args[0]] * len(data)
    elif len(args) == len(data):
        hints = list(args)
    else:
        problems.add(path, f"expected {len(args)} values, got {len(data)}")
        return None
    pairs = zip(hints, data, strict=True)
    return tuple(convert(h, v, f"{path}[{i}]", problems) for i, (h, v) in enumerate(pairs))


def _convert_dict(hint: Any, data: object, path: str, problems: Problems) -> object:
    if not isinstance(data, dict):
        problems.add(path, f"expected a mapping, got {describe(data)}")
        return None
    return {str(k): convert(hint, v, f"{path}.{k}", problems) for k, v in data.items()}


def _convert_scalar(hint: Any, data: object, path: str, problems: Problems) -> object:
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    matches = data is None if hint in (None, type(None)) else isinstance(data, hint)
    if not matches or (isinstance(data, bool) and hint is not bool):
        problems.add(path, f"expected {type_name(hint)}, got {describe(data)}")
        return None
    if isinstance(data, float) and not math.isfinite(data):
        problems.add(path, f"expected a finite number, got {data}")
        return None
    return data


def type_name(hint: Any) -> str:
    """Name a type the way a YAML author would."""
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if hint in names:
        return names[hint]
    if typing.get_origin(hint) is tuple:
        return "a list"
    if dataclasses.is_dataclass(hint) or typing.get_origin(hint) is dict:
        return "a mapping"
    return str(hint)


def describe(data: object) -> str:
    """Show a value shortly, with its kind, for an error message."""
    if data is None:
        return "nothing"
    if isinstance(data, (dict, list, tuple)):
        return "a mapping" if isinstance(data, dict) else "a list"
    text = repr(data)
    return text if len(text) <= 40 else text[:37] + "..."
