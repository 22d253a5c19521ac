"""What a proposal may depend on, read from a study's trials once: every proposal asks anew, of thousands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from nas import pareto

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from nas.search.samplers.task import Point, Task


_BEST = 150  # of a long search so many of the best are kept, ...
_LATEST = 50  # ... and at least so many of the latest, at most twice as many


@dataclass(frozen=True, slots=True)
class History:
    """What a proposal may depend on.

    Attributes:
        points: what was evaluated, in the order in which it was proposed; of a long search its best and its latest.
        scores: accuracy and cost of each.
        running: what was proposed and is not known yet.
        front: which of the points nothing dominates.
        evaluated: how many were evaluated in all.
    """

    points: tuple[Point, ...]
    scores: tuple[pareto.Point, ...]
    running: tuple[Point, ...]
    front: tuple[int, ...]
    evaluated: int

    @property
    def number(self) -> int:
        """How many were proposed before, and are evaluated or running."""
        return self.evaluated + len(self.running)


class Memory:
    """The trials of one study that are finished, as samplers handle them.

    Trials are taken up in order, as far as all before them are finished; those behind are read at each call. Of many
    the best and the latest are kept, so that a proposal late in a long search takes no longer than an early one.
    """

    def __init__(self) -> None:
        self._settled = 0
        self._forgotten = 0
        self._points: list[Point] = []
        self._scores: list[pareto.Point] = []
        self._front: list[int] = []

    def history(self, task: Task, study: Study, number: int) -> History:
        """Return what the proposal of trial `number` may depend on."""
        trials = study.get_trials(deepcopy=False)
        while self._settled < len(trials) and trials[self._settled].state.is_finished():
            self._settle(task, trials[self._settled])
            self._settled += 1
        rest = [t for t in trials[self._settled :] if t.number != number]
        late = [t for t in rest if t.state == TrialState.COMPLETE]
        scores = (*self._scores, *(task.scores(t) for t in late))
        return History(
            points=(*self._points, *(task.place(t.params) for t in late)),
            scores=scores,
            running=tuple(task.place(t.params) for t in rest if t.state == TrialState.RUNNING and t.params),
            front=tuple(_front([*self._front, *range(len(self._scores), len(scores))], scores)),
            evaluated=self._forgotten + len(scores),
        )

    def _settle(self, task: Task, trial: FrozenTrial) -> None:
        if trial.state != TrialState.COMPLETE:
            return
        self._points.append(task.place(trial.params))
        self._scores.append(task.scores(trial))
        self._front = _front([*self._front, len(self._scores) - 1], self._scores)
        if len(self._points) >= _BEST + 2 * _LATEST:
            self._forget()

    def _forget(self) -> None:
        """Leave out all but the best and the latest."""
        older = len(self._points) - _LATEST
        kept = [*sorted(pareto.best(self._scores[:older], _BEST)), *range(older, len(self._points))]
        self._forgotten += len(self._points) - len(kept)
        self._points = [self._points[i] for i in kept]
        self._scores = [self._scores[i] for i in kept]
        self._front = _front(list(range(len(kept))), self._scores)


def _front(indices: list[int], scores: list[pareto.Point] | tuple[pareto.Point, ...]) -> list[int]:
    """Return those of ascending indices whose scores nothing dominates, ascending."""
    return sorted(indices[i] for i in pareto.front([scores[i] for i in indices]))
