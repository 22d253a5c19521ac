"""What devices make of a written file: which operators they run, and what falls back to the CPU.

A device is a module of the folder ``devices`` with a constant ``DEVICE``. Nothing lists them: adding one is adding its
file.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from nas.export import devices as folder


@dataclass(frozen=True, slots=True)
class Legality:
    """What one device makes of one file.

    Attributes:
        device: what runs operators; those it does not take run on the CPU, or by other kernels of the CPU.
        operators: how many there are.
        fallback: one reason for each operator that the device does not take itself.
        fallback_operators: how many run elsewhere, those among them that only follow such a one.
        fallback_macs_share: their part of the multiply-adds.
        problems: what keeps the whole file from the device.
        notes: what else is worth knowing.
        not_run: what could not be checked here.
        evidence: what this rests on.
    """

    device: str
    operators: int
    fallback: tuple[str, ...]
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
        else:
            head = f"takes all {self.operators} operators"
        rest = (*self.problems, *self.fallback, *self.notes, *(f"not checked: {what}" for what in self.not_run))
        return (f"{self.device}: {head} ({self.evidence})", *rest)


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
