"""What devices make of a written file: which operators they run, and what falls back to the CPU.

A device is a module of the folder ``devices`` with a constant ``DEVICE``. Nothing lists them: adding one is adding its
file.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from nas.export import devices as folder


@dataclass(frozen=True, slots=True)
class Fallback:
    """Operators of one kind that a device does not take, for one reason.

    Attributes:
        operator: as the file's schema calls it.
        indices: their places in the order of execution.
        reason: why.
    """

    operator: str
    indices: tuple[int, ...]
    reason: str

    def line(self) -> str:
        """Say it for people."""
        count = f" x {len(self.indices)}, the first as" if len(self.indices) > 1 else ","
        return f"{self.operator}{count} operator {self.indices[0]}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Legality:
    """What one device makes of one file.

    Attributes:
        device: what runs operators; those it does not take run on the CPU, or by other kernels of the CPU.
        operators: how many there are.
        fallback: what the device does not take itself, in the order of execution.
        fallback_operators: how many run elsewhere, those among them that only follow such a one.
        fallback_macs_share: their part of the multiply-adds.
        problems: what keeps the whole file from the device.
        notes: what else is worth knowing.
        not_run: what could not be checked here.
        evidence: what this rests on.
    """

    device: str
    operators: int
    fallback: tuple[Fallback, ...]
    fallback_operators: int
    fallback_macs_share: float
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    not_run: tuple[str, ...]
    evidence: str

    @property
    def legal(self) -> bool:
        """Whether the device runs all of it."""
        return not self.problems and self.fallback_operators == 0

    def lines(self) -> tuple[str, ...]:
        """Say it for people, the most important first."""
        if self.fallback_operators:
            share = f"{100 * self.fallback_macs_share:.1f} % of the MACs"
            head = f"{self.fallback_operators} of {self.operators} operators ({share}) run elsewhere"
        elif self.problems:
            head = "does not take it as it is"
        else:
            head = f"takes all {self.operators} operators"
        rest = (
            *self.problems,
            *(f.line() for f in self.fallback),
            *self.notes,
            *(f"not checked: {what}" for what in self.not_run),
        )
        return (f"{self.device}: {head} ({self.evidence})", *rest)


def grouped(refused: Iterable[tuple[int, str, str]]) -> tuple[Fallback, ...]:
    """Put operators of one kind and reason together.

    Args:
        refused: place, operator and reason, in the order of execution.
    """
    places: dict[tuple[str, str], list[int]] = {}
    for index, operator, reason in refused:
        places.setdefault((operator, reason), []).append(index)
    return tuple(Fallback(operator, tuple(indices), reason) for (operator, reason), indices in places.items())


class Device(Protocol):
    """Looks at files.

    Attributes:
        formats: the export formats whose files it takes.
    """

    formats: tuple[str, ...]

    def check(self, path: Path) -> Legality:
        """Say what the device makes of the file at `path`."""
        ...


def check(format_name: str, path: Path) -> tuple[Legality, ...]:
    """Return what each device makes of a file of `format_name`; nothing where no device takes the format."""
    return tuple(device.check(path) for device in _devices() if format_name in device.formats)


@functools.cache
def _devices() -> tuple[Device, ...]:
    names = sorted(info.name for info in pkgutil.iter_modules(folder.__path__))
    modules = (importlib.import_module(f"{folder.__name__}.{name}") for name in names)
    return tuple(cast(Device, module.DEVICE) for module in modules if hasattr(module, "DEVICE"))
