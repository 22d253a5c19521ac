"""What a chain of steps may be, as a user writes it: ``distill,prune:0.3,int8``.

Everything that can be wrong with a chain is found here, before any work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from nas.errors import UserError, unknown_name

PATTERN_2_4 = "2:4"
_MAX_EPOCHS = 100_000

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain.

    Attributes:
        name: of the method, a key of `METHODS`.
        value: the number behind the colon, ``"2:4"``, or None.
    """

    name: str
    value: Value = None

    def __str__(self) -> str:
        if self.value is None:
            return self.name
        return f"{self.name}:{self.value:g}" if isinstance(self.value, float) else f"{self.name}:{self.value}"

    @property
    def method(self) -> Method:
        """What the step does to weights."""
        return METHODS[self.name]

    def epochs(self, default: int) -> int:
        """Return the epochs that the step itself names, else `default`."""
        return int(self.value) if self.name in ("train", "distill") and isinstance(self.value, float) else default


@dataclass(frozen=True, slots=True)
class Method:
    """What a step may be followed by, and what it may be given.

    Attributes:
        form: how it is written.
        read: turns what stands behind the colon (None if nothing does) into a value; raises `ValueError` with what
            was allowed.
        trains: whether it changes single weights freely.
        quantizes: whether the weights become numbers of few bits.
    """

    form: str
    read: Callable[[str | None], Value]
    trains: bool = True
    quantizes: bool = False


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read a chain of steps.

    Raises:
        UserError: for an unknown step, a value out of range or an order that makes no sense.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError(f"--steps {text!r}: name at least one; allowed: {', '.join(m.form for m in METHODS.values())}")
    steps = tuple(_parse(part) for part in parts)
    _require_order(steps)
    return steps


def _parse(part: str) -> Step:
    name, colon, argument = part.partition(":")
    if name not in METHODS:
        raise unknown_name("step", name, METHODS, where="--steps")
    try:
        return Step(name, METHODS[name].read(argument if colon else None))
    except ValueError as error:
        raise UserError(f"--steps: {part!r} is not legal: {error}; the form is {METHODS[name].form}") from None


def _require_order(steps: Sequence[Step]) -> None:
    for before, after in zip(steps, steps[1:], strict=False):
        if before.method.quantizes:
            reason = "quantised weights are not changed any more" if after.method.trains else "it would round twice"
            raise UserError(f"--steps: {after} cannot follow {before}: {reason}; put {before} last")
        if before.name == "sparse" and (after.method.trains or after.name == "sparse"):
            raise UserError(f"--steps: {after} cannot follow {before}: it would fill the zeros; put {after} first")


def _epochs(text: str | None) -> Value:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,6}", text) or not 1 <= int(text) <= _MAX_EPOCHS:
        raise ValueError(f"epochs must be a whole number of at least 1, got {text!r}")
    return float(text)


def _between(what: str, low: float, high: float) -> Callable[[str | None], Value]:
    def read(text: str | None) -> Value:
        if text is None:
            raise ValueError(f"it needs {what}, between {low:g} and {high:g}")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low < value < high:
            raise ValueError(f"{what} must lie between {low:g} and {high:g}, got {text!r}")
        return value

    return read


def _sparsity(text: str | None) -> Value:
    return PATTERN_2_4 if text == PATTERN_2_4 else _between("the share of zeros", 0, 1)(text)


def _nothing(text: str | None) -> Value:
    if text is not None:
        raise ValueError(f"it takes no value, got {text!r}")
    return None


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "train": Method("train[:EPOCHS]", _epochs),
        "distill": Method("distill[:EPOCHS]", _epochs),
        "prune": Method("prune:RATIO", _between("the share of channels removed", 0, 1)),
        "lowrank": Method("lowrank:ENERGY", _between("the share of energy kept", 0, 1)),
        "sparse": Method("sparse:RATIO or sparse:2:4", _sparsity),
        "int8": Method("int8", _nothing, trains=False, quantizes=True),
        "int8-qat": Method("int8-qat", _nothing, quantizes=True),
        "int4": Method("int4", _nothing, quantizes=True),
        "binary": Method("binary", _nothing, quantizes=True),
    }
)
