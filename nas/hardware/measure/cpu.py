"""Which CPU this is: what a measured profile belongs to."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

_INFO = Path("/proc/cpuinfo")


def cpu_name(info: Path = _INFO) -> str:
    """Return the CPU's name as the system gives it, e.g. ``AMD EPYC``."""
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        lines = []
    for key in ("model name", "Model", "Hardware"):  # the last two are what ARM boards have
        names = [line.split(":", 1)[1].strip() for line in lines if line.split(":", 1)[0].strip() == key]
        if names and ":" not in names[0]:
            return " ".join(names[0].split())
    return platform.processor() or platform.machine()


def cpu_digest(name: str) -> str:
    """Return eight hexadecimal digits that stand for a CPU in file names."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]
