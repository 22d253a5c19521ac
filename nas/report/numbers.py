"""Numbers as people read them: three significant digits, a unit, an en dash where there is nothing."""

from __future__ import annotations

import math

NOTHING = "–"
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def significant(value: float | None, digits: int = 3) -> str:
    """Write `value` with `digits` significant digits, never with an exponent: ``1,230``, ``0.0123``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    # Rounding may add a digit: 0.9996 becomes 1.00, not 1.000.
    gained = decimals and math.floor(math.log10(abs(float(text.replace(",", ""))))) != math.floor(
        math.log10(abs(value))
    )
    return f"{value:,.{decimals - 1}f}" if gained else text


def compact(value: float | None) -> str:
    """Write a count with a letter for its size: ``12.3 M``."""
    if value is None:
        return NOTHING
    for size, letter in _LARGE:
        if abs(value) >= size:
            return f"{significant(value / size)} {letter}"
    return significant(value) if value != int(value) else str(int(value))


def counted(count: int, thing: str, things: str | None = None) -> str:
    """Write a count with what is counted: ``1 candidate``, ``3 passes``; without `things` an s makes several."""
    return f"{count} {thing if count == 1 else things or f'{thing}s'}"


def memory(value_bytes: float | None) -> str:
    """Write an amount of memory: ``312 KiB``."""
    if value_bytes is None:
        return NOTHING
    for size, unit in _BYTES:
        if value_bytes >= size:
            return f"{significant(value_bytes / size)} {unit}"
    return f"{value_bytes:.0f} bytes"


def percent(share: float | None, decimals: int = 1) -> str:
    """Write a share of one: ``95.3 %``."""
    return NOTHING if share is None or not math.isfinite(share) else f"{100 * share:.{decimals}f} %"


def milliseconds(value_ms: float | None) -> str:
    """Write a latency: ``1.23 ms``."""
    return NOTHING if value_ms is None else f"{significant(value_ms)} ms"


def duration(value_s: float | None) -> str:
    """Write how long something took: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if value_s is None:
        return NOTHING
    if value_s < 10:
        return f"{value_s:.1f} s"
    total = round(value_s)
    hours, minutes, rest = total // 3600, total // 60 % 60, total % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
