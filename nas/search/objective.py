"""What a search wants: constraints, metrics, and the rule that names the winner.

Everything here is plain data and arithmetic. The study searches for accuracy up and MACs down inside the
constraints; the winner is chosen from the feasible candidates afterwards, so another rule needs no new search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol

from nas import pareto
from nas.errors import UserError, unknown_name

CONSTRAINED = ("latency_ms", "macs", "params", "peak_memory_bytes")


@dataclass(frozen=True, slots=True)
class Constraints:
    """Hard upper limits; None means no limit.

    Attributes:
        latency_ms: limit of the latency estimate.
        macs: limit of fused multiply-adds.
        params: limit of the parameter count.
        peak_memory_bytes: limit of the activations alive at once.
        margin: what is added to an estimate of the latency for its error: with 0.1 it must stay within the limit
            after 10 % are added to it, with 1.5 after 150 %. The other figures are exact.
    """

    latency_ms: float | None = None
    macs: int | None = None
    params: int | None = None
    peak_memory_bytes: int | None = None
    margin: float = 0.0

    def __post_init__(self) -> None:
        for name in CONSTRAINED:
            limit = getattr(self, name)
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise UserError(f"constraint {name} must be a positive number, got {limit}")
        if not 0 <= self.margin < math.inf:
            raise UserError(f"constraint margin must be 0 or more, got {self.margin}")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by metric name."""
        set_limits = ((name, getattr(self, name)) for name in CONSTRAINED)
        return {name: float(limit) for name, limit in set_limits if limit is not None}


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is known about a candidate. `accuracy` is in [0, 1], and None until it was evaluated."""

    macs: int
    params: int
    latency_ms: float
    peak_memory_bytes: int
    accuracy: float | None = None

    @property
    def accuracy_per_gmac(self) -> float | None:
        """Points of accuracy (0 to 100) per 10^9 MACs."""
        if self.accuracy is None or self.macs == 0:
            return None
        return 100 * self.accuracy / (self.macs / 1e9)

    def to_dict(self) -> dict[str, float | int | None]:
        """Return plain data, `accuracy_per_gmac` included; `from_dict` is the inverse."""
        return {
            "accuracy": self.accuracy,
            "macs": self.macs,
            "params": self.params,
            "latency_ms": self.latency_ms,
            "peak_memory_bytes": self.peak_memory_bytes,
            "accuracy_per_gmac": self.accuracy_per_gmac,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Metrics:
        """Read plain data; what can be derived is not read.

        Raises:
            KeyError: if a figure is missing.
        """
        return cls(**{f.name: data[f.name] for f in fields(cls)})


def overshoot(metrics: Metrics, constraints: Constraints) -> dict[str, float]:
    """Return by how much each limit that is set is exceeded, relative to it: 0.31 is 31 % too much.

    Zero and below mean that the limit holds. A figure that is not finite overshoots without end.
    """
    result = {}
    for name, limit in constraints.limits.items():
        value = float(getattr(metrics, name)) * (1 + constraints.margin if name == "latency_ms" else 1)
        result[name] = value / limit - 1 if math.isfinite(value) else math.inf
    return result


def violations(metrics: Metrics, constraints: Constraints) -> dict[str, float]:
    """Return the relative overshoot of the violated limits alone; empty means feasible."""
    return {name: over for name, over in overshoot(metrics, constraints).items() if over > 0}


def feasible(metrics: Metrics, constraints: Constraints) -> bool:
    """Say whether every limit holds."""
    return not violations(metrics, constraints)


class Measured(Protocol):
    """Anything that carries metrics: a candidate, a finalist, a baseline."""

    @property
    def metrics(self) -> Metrics:
        """What is known about it."""
        ...


def front(metrics: Sequence[Metrics]) -> list[int]:
    """Return the indices of the accuracy/MACs front, from the cheapest to the dearest; the unevaluated are left out."""
    known = [i for i, m in enumerate(metrics) if m.accuracy is not None]
    members = pareto.front([(_accuracy(metrics[i]), float(metrics[i].macs)) for i in known])
    return [known[i] for i in members]


def select(candidates: Sequence[Measured], rule: str = "accuracy_per_mac", accuracy_slack: float = 0.01) -> int:
    """Return the index of the winner among feasible candidates.

    Args:
        candidates: feasible candidates; those without accuracy cannot win.
        rule: ``accuracy_per_mac`` (best accuracy per MAC among the front's members whose accuracy is within the
            slack of the best), ``accuracy`` (the most accurate), ``latency`` (the quickest of those within the
            slack) or ``knee`` (the bulge of the front).
        accuracy_slack: how much accuracy may be given up, as a fraction: 0.01 is one point.

    Raises:
        UserError: if the rule does not exist, the slack is no fraction, or nothing was evaluated.
    """
    if rule not in RULES:
        raise unknown_name("selection rule", rule, RULES)
    if not 0 <= accuracy_slack <= 1:
        raise UserError(f"accuracy slack must be between 0 and 1 (0.01 is one point), got {accuracy_slack}")
    known = [i for i, c in enumerate(candidates) if c.metrics.accuracy is not None]
    if not known:
        raise UserError("no candidate was evaluated, so there is nothing to select from")
    return known[RULES[rule]([candidates[i].metrics for i in known], accuracy_slack)]


def _by_accuracy_per_mac(metrics: Sequence[Metrics], slack: float) -> int:
    close = _within(metrics, front(metrics), slack)
    return max(close, key=lambda i: (_accuracy(metrics[i]) / max(metrics[i].macs, 1), _accuracy(metrics[i])))


def _by_accuracy(metrics: Sequence[Metrics], _slack: float) -> int:
    return max(range(len(metrics)), key=lambda i: (_accuracy(metrics[i]), -metrics[i].macs))


def _by_latency(metrics: Sequence[Metrics], slack: float) -> int:
    close = _within(metrics, range(len(metrics)), slack)
    return min(close, key=lambda i: (metrics[i].latency_ms, -_accuracy(metrics[i])))


def _by_knee(metrics: Sequence[Metrics], _slack: float) -> int:
    return pareto.knee([(_accuracy(m), float(m.macs)) for m in metrics])


def _within(metrics: Sequence[Metrics], indices: Sequence[int], slack: float) -> list[int]:
    best = max(_accuracy(m) for m in metrics)
    # The tolerance lets 0.95 count as within 0.01 of 0.96, which it is not in binary.
    return [i for i in indices if _accuracy(metrics[i]) >= best - slack - 1e-9]


def _accuracy(metrics: Metrics) -> float:
    assert metrics.accuracy is not None
    return metrics.accuracy


RULES: Mapping[str, Callable[[Sequence[Metrics], float], int]] = MappingProxyType(
    {
        "accuracy_per_mac": _by_accuracy_per_mac,
        "accuracy": _by_accuracy,
        "latency": _by_latency,
        "knee": _by_knee,
    }
)
