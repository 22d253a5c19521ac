"""A sampler that proposes whole architectures, made from a function.

Optuna asks parameter by parameter if it is let; ours answer all questions at once, from what is finished.
"""

# ruff: noqa: ARG002 - the signatures are Optuna's.

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from nas import pareto
from nas.search.samplers.task import Point, Task

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class History:
    """What a proposal may depend on.

    Attributes:
        points: what was evaluated, in the order in which it was proposed.
        scores: accuracy and cost of each.
        running: what was proposed and is not known yet.
    """

    points: tuple[Point, ...]
    scores: tuple[pareto.Point, ...]
    running: tuple[Point, ...]


Propose = Callable[[Task, History, random.Random], Point]


class WholeSampler(BaseSampler):
    """Proposes what a function of the task, the history and a random generator returns."""

    def __init__(self, task: Task, seed: int, propose: Propose) -> None:
        self._task = task
        self._rng = random.Random(seed)
        self._propose = propose

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding: every parameter is proposed together."""
        return self._task.encoding.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose answers to every question."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING))
        complete = [t for t in trials if t.state == TrialState.COMPLETE]
        running = [t for t in trials if t.state == TrialState.RUNNING and t.number != trial.number]
        history = History(
            tuple(self._task.of_trial(t) for t in complete),
            tuple(self._task.scores(t) for t in complete),
            tuple(self._task.of_trial(t) for t in running if t.params),
        )
        return dict(self._propose(self._task, history, self._rng).params)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one answer at random; only called for what `sample_relative` left out."""
        assert isinstance(param_distribution, CategoricalDistribution)
        return self._rng.choice(param_distribution.choices)
