"""What to say when no architecture keeps the limits: how near the nearest came."""

from __future__ import annotations

from nas.search.limits_text import amounts_text, limits_text
from nas.search.objective import Constraints, Metrics


class Tightest:
    """The smallest value of every limited metric that was seen."""

    def __init__(self, space: str, constraints: Constraints) -> None:
        self._space = space
        self._constraints = constraints
        self._seen: dict[str, float] = {}

    def note(self, metrics: Metrics) -> None:
        """Take up what an architecture costs."""
        for name in self._constraints.limits:
            value = float(getattr(metrics, name))
            self._seen[name] = min(value, self._seen.get(name, value))

    def message(self, tries: int) -> str:
        """Say that nothing keeps the limits, and what was the nearest."""
        return (
            f"no architecture of the space {self._space!r} within {limits_text(self._constraints)} was found in "
            f"{tries} tries; the tightest seen: {amounts_text(self._seen)}; allow more, or take a smaller space or a "
            "lower resolution"
        )
