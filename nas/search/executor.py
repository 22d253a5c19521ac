"""Running a study: the contract of every executor, and what they share.

An executor asks the study for candidates, has them evaluated, tells the study, and stops when enough are evaluated,
when it is asked to stop, or when the space has nothing new. A result that is finished is never lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from nas.errors import NasError
from nas.search.candidate import Candidate
from nas.search.evaluate import Evaluation, EvaluatorSpec

if TYPE_CHECKING:
    from nas.search.candidate import Counts


class Source(Protocol):
    """Gives candidates and takes their evaluations: a study, or one rung of those that are trained longer."""

    @property
    def counts(self) -> Counts:
        """How many candidates went which way."""
        ...

    @property
    def pending(self) -> int:
        """How many candidates were asked for and not told yet."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the next candidate can be asked for now."""
        ...

    def ask(self) -> Candidate | None:
        """Return the next candidate, or None if there is none."""
        ...

    def tell(self, candidate: Candidate, evaluation: Evaluation) -> Candidate:
        """Take an evaluation; return the finished candidate, which is on disk by then."""
        ...


Outcome = Literal["finished", "stopped", "exhausted"]
OnResult = Callable[[Candidate], None]
ShouldStop = Callable[[], bool]

# So many failures in a row, with no success before, mean that the evaluator is broken, not the candidates.
_BROKEN_AFTER = 5


class Executor(Protocol):
    """Evaluates candidates of a study, here or elsewhere."""

    def run(
        self,
        study: Source,
        evaluator_spec: EvaluatorSpec,
        evaluations: int,
        on_result: OnResult,
        should_stop: ShouldStop,
    ) -> Outcome:
        """Evaluate until the study holds `evaluations` evaluated candidates.

        Args:
            study: gives candidates and takes results.
            evaluator_spec: how a worker makes its evaluator.
            evaluations: how many evaluated candidates (failed ones too) the study shall hold in the end, those of
                an earlier, interrupted run included.
            on_result: called with every candidate evaluated, after it is on disk.
            should_stop: asked before each new candidate; the running ones are still finished.

        Returns:
            Why it ended: ``finished``, ``stopped`` (by `should_stop`) or ``exhausted`` (the space has no further
            feasible candidate).

        Raises:
            InfeasibleError: if no candidate keeps the constraints.
            NasError: if every evaluation fails.
            KeyboardInterrupt: at Ctrl-C, unless the caller handles it; running evaluations are dropped.
        """
        ...


class Progress:
    """The bookkeeping of one `run`: when to ask for more, and why it ended."""

    def __init__(self, study: Source, evaluations: int, on_result: OnResult, should_stop: ShouldStop) -> None:
        self._study = study
        self._evaluations = evaluations
        self._on_result = on_result
        self._should_stop = should_stop
        self.outcome: Outcome | None = None

    def next(self) -> Candidate | None:
        """Return the next candidate, or None if there is nothing to start now; then `outcome` may say why."""
        if self.outcome is not None:
            return None
        counts = self._study.counts
        if counts.evaluated + counts.failed + self._study.pending >= self._evaluations:
            # A pending candidate may yet be lost with its worker, and would then be replaced.
            self.outcome = "finished" if self._study.pending == 0 else None
        elif self._should_stop():
            self.outcome = "stopped"
        elif self._study.ready:
            candidate = self._study.ask()
            if candidate is not None:
                return candidate
            self.outcome = "exhausted"
        return None

    def finish(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Tell the study, and whoever watches.

        Raises:
            NasError: if evaluations fail one after another and none ever succeeded.
        """
        self._on_result(self._study.tell(candidate, evaluation))
        counts = self._study.counts
        if counts.evaluated == 0 and counts.failed >= _BROKEN_AFTER:
            raise NasError(f"all of the first {counts.failed} evaluations failed; the last one: {evaluation.error}")
