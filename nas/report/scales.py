"""From values to places in a drawing, and where the ticks of an axis stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LOG_FROM_RATIO = 12.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `low`..`high` to `start`..`stop`, evenly or by the logarithm."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of `value`."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.stop - self.start)

    def ticks(self, count: int) -> list[float]:
        """Return about `count` round values within the scale."""
        found = log_ticks(self.low, self.high, count) if self.log else linear_ticks(self.low, self.high, count)
        return found or [self.low]


def fit(values: list[float], start: float, stop: float, *, may_log: bool = False) -> Scale:
    """Make the scale on which all of `values` have room; equal or missing values get a range around them."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if may_log and low > 0 and high / low > _LOG_FROM_RATIO:
        room = (high / low) ** 0.05
        return Scale(low / room, high * room, start, stop, log=True)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = max(0.0, low - room) if low >= 0 else low - room
    return Scale(bottom, high + room, start, stop)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return the multiples of 1, 2 or 5 times a power of ten within `low`..`high`, about `count` of them."""
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return powers of ten within `low`..`high`, with 2 and 5 times them where there is room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**p for p in powers for m in multiples if low <= m * 10.0**p <= high]
        if len(ticks) <= count + 2:
            return ticks
    return ticks[:: math.ceil(len(ticks) / count)]


def tick_text(value: float) -> str:
    """Write the number at a tick."""
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
