"""What to say when no architecture keeps the limits: how near the nearest came."""

from __future__ import annotations

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
        limits, margin = self._constraints.limits, self._constraints.margin
        kept = f" (less the margin of {margin:.0%})" if margin else ""
        wanted = ", ".join(
            f"{name} <= {limit:g}{kept if name == 'latency_ms' else ''}" for name, limit in limits.items()
        )
        seen = ", ".join(f"{name} {self._seen[name]:.4g}" for name in limits if name in self._seen)
        return (
            f"no architecture of the space {self._space!r} within {wanted} was found in {tries} tries; "
            f"the tightest seen: {seen}; allow more, or take a smaller space or a lower resolution"
        )
