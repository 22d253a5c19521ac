"""A budget of time: how it is split over the stages of a search, and how much of it is left.

Stages have no limits of their own but deadlines, counted back from the end: what one stage does not use goes to the
next. The time of earlier sittings counts, so a run that was stopped and resumed keeps to the budget as well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nas.search.standing import read_standing

if TYPE_CHECKING:
    from nas.runs import RunDirectory

EPOCHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # few values, so that trained supernets are found again
MOST_EVALUATIONS = 5000
MOST_FINALIST_EPOCHS = 64
LEAST_S = 10.0
_SUPERNET, _SEARCH = 0.5, 0.2  # of what is left after planning and export; finalists have the rest
_SEARCH_ALONE = 0.4  # where the supernet is there already
_PLANNED = 0.9  # of the finalists' time is planned for: steps that were timed vary


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick this machine is, measured by a few real steps.

    Attributes:
        supernet_epoch_s: one pass of supernet training; 0 where the supernet is there already.
        evaluation_s: scoring one candidate, with all workers busy at once.
        finalist_epoch_s: one pass of one finalist's training.
    """

    supernet_epoch_s: float
    evaluation_s: float
    finalist_epoch_s: float


@dataclass(frozen=True, slots=True)
class TimePlan:
    """How a budget of time is split.

    Attributes:
        total_s: the budget.
        planning_s: spent before the run began.
        supernet_s: for training the shared weights.
        search_s: for scoring candidates.
        finalists_s: for training the finalists and known designs.
        ending_s: for export, its check, and the report.
        pace: what the split rests on.
        evaluations: candidates that this is expected to be enough for.
        most_finalist_epochs: passes that a finalist is trained at most.
    """

    total_s: float
    planning_s: float
    supernet_s: float
    search_s: float
    finalists_s: float
    ending_s: float
    pace: Pace
    evaluations: int
    most_finalist_epochs: int = MOST_FINALIST_EPOCHS

    @property
    def finalists_end_s(self) -> float:
        """When the last finalist has to be trained, in seconds after the start."""
        return self.total_s - self.ending_s

    @property
    def search_end_s(self) -> float:
        """When the last candidate has to be started."""
        return self.finalists_end_s - self.finalists_s

    @property
    def supernet_end_s(self) -> float:
        """When the shared weights have to be trained."""
        return self.search_end_s - self.search_s


def split(total_s: float, *, planning_s: float, pace: Pace, formats: int, starting_s: float) -> TimePlan:
    """Split a budget over the stages.

    Args:
        total_s: the budget.
        planning_s: what planning took.
        pace: how quick this machine is.
        formats: how many the winner is exported to.
        starting_s: how long workers take to start.
    """
    ending_s = min(4.0 + 6.0 * formats, total_s / 3)
    left_s = max(1.0, total_s - planning_s - ending_s)
    there = pace.supernet_epoch_s == 0
    supernet_s = 0.0 if there else _SUPERNET * left_s
    search_s = (_SEARCH_ALONE if there else _SEARCH) * left_s
    return TimePlan(
        total_s=total_s,
        planning_s=planning_s,
        supernet_s=supernet_s,
        search_s=search_s,
        finalists_s=left_s - supernet_s - search_s,
        ending_s=ending_s,
        pace=pace,
        evaluations=max(1, int((search_s - starting_s) / pace.evaluation_s)),
    )


def with_whole_passes(plan: TimePlan, trainings: int, epochs: int) -> TimePlan:
    """Return the plan with as much time for finalists as whole passes take, and the rest of it for the search.

    Args:
        plan: how the budget is split.
        trainings: how many there will be.
        epochs: passes of each.
    """
    needed_s = trainings * epochs * plan.pace.finalist_epoch_s / _PLANNED
    spare_s = max(0.0, plan.finalists_s - needed_s)
    more = int(spare_s / plan.pace.evaluation_s)
    return replace(
        plan,
        search_s=plan.search_s + spare_s,
        finalists_s=plan.finalists_s - spare_s,
        evaluations=plan.evaluations + more,
    )


def epochs_within(seconds: float, epoch_s: float, most: int) -> int:
    """Return how many passes fit: one of `EPOCHS`, or `most` where even more would."""
    fitting = int(seconds / epoch_s)
    return most if fitting >= most else max((e for e in EPOCHS if e <= fitting), default=1)


class TimeLeft:
    """Tells the stages of a run how much time there is.

    Args:
        plan: how the budget is split.
        used_s: what was used of it already.
    """

    def __init__(self, plan: TimePlan, used_s: float) -> None:
        self.plan = plan
        self._start = time.monotonic() - used_s

    @property
    def used_s(self) -> float:
        """Time used since planning began, all sittings together."""
        return time.monotonic() - self._start

    def supernet_share(self) -> float:
        """Return the share of the supernet's time that is used; 1 and above is all of it."""
        plan = self.plan
        allowed_s = plan.supernet_end_s - plan.planning_s
        return (self.used_s - plan.planning_s) / allowed_s if allowed_s > 0 else 1.0

    def search_s(self) -> float:
        """Return how much time there is until the last candidate has to be started."""
        return self.plan.search_end_s - self.used_s

    def search_is_over(self) -> bool:
        """Tell whether no further candidate should be scored."""
        return self.search_s() <= 0

    def finalists_s(self) -> float:
        """Return how much time finalists have left."""
        return self.plan.finalists_end_s - self.used_s


def time_left(plan: TimePlan | None, run: RunDirectory) -> TimeLeft | None:
    """Return what is left of a run's budget of time; None where it has none."""
    if plan is None:
        return None
    standing = read_standing(run.path)
    sittings_s = 0.0 if standing is None else standing.earlier_seconds + time.time() - standing.began
    return TimeLeft(plan, plan.planning_s + sittings_s)
