"""A candidate: an architecture that the search proposed, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from nas.search.objective import Metrics, front

if TYPE_CHECKING:
    from nas.search.evaluate import Evaluation
    from nas.space.architecture import Architecture

State = Literal["proposed", "complete", "infeasible", "failed"]
SAMPLED = "sampler"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One proposal of the search.

    Attributes:
        number: which proposal it was; numbers have gaps where duplicates and rejected proposals were passed over.
        source: ``"sampler"``, or ``"seed:<name>"`` for a named architecture that the search starts from.
        architecture: what is proposed.
        metrics: its cost, and its accuracy once evaluated.
        state: ``proposed`` until it is told, then ``complete`` or ``failed``; ``infeasible`` was never evaluated.
        overshoot: relative overshoot of each violated constraint.
        error: why there is no accuracy, if it failed.
        seconds: how long the evaluation took.
    """

    number: int
    source: str
    architecture: Architecture
    metrics: Metrics
    state: State = "proposed"
    overshoot: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0

    @property
    def digest(self) -> str:
        """The name of its architecture."""
        return self.architecture.digest

    def told(self, evaluation: Evaluation) -> Candidate:
        """Return the candidate as its evaluation leaves it: complete or failed."""
        return replace(
            self,
            state="failed" if evaluation.accuracy is None else "complete",
            metrics=replace(self.metrics, accuracy=evaluation.accuracy),
            error=evaluation.error,
            seconds=evaluation.seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; `from_dict` is the inverse."""
        return {
            "number": self.number,
            "digest": self.digest,
            "source": self.source,
            "state": self.state,
            "architecture": self.architecture.to_dict(),
            "metrics": self.metrics.to_dict(),
            "overshoot": dict(self.overshoot),
            "error": self.error,
            "seconds": round(self.seconds, 4),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], architecture: Architecture) -> Candidate:
        """Read plain data, given the architecture that the caller decoded.

        Raises:
            KeyError: if something is missing.
        """
        return cls(
            number=data["number"],
            source=data["source"],
            architecture=architecture,
            metrics=Metrics.from_dict(data["metrics"]),
            state=data["state"],
            overshoot=data["overshoot"],
            error=data["error"],
            seconds=data["seconds"],
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """How many proposals went which way; `evaluated` counts the successful ones."""

    evaluated: int = 0
    infeasible: int = 0
    failed: int = 0
    duplicates: int = 0


def front_of(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those evaluated that none beats in both accuracy and MACs, the same whatever their order."""
    complete = sorted((c for c in candidates if c.state == "complete"), key=lambda c: c.number)
    return [complete[i] for i in front([c.metrics for c in complete])]
