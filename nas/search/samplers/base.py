"""A sampler that proposes whole architectures, made from a function.

Optuna asks parameter by parameter if it is let; ours answer all questions at once, from what is finished.
"""

# ruff: noqa: ARG002 - the signatures are Optuna's.

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler

from nas.search.samplers.history import History
from nas.search.samplers.task import Point, Task

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


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
        history = self._task.memory.history(self._task, study, trial.number)
        return dict(self._propose(self._task, history, self._rng).params)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one answer at random; only called for what `sample_relative` left out."""
        assert isinstance(param_distribution, CategoricalDistribution)
        return self._rng.choice(param_distribution.choices)
