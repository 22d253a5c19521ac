"""Optuna's own samplers, for a space that is known."""

# ruff: noqa: ARG002 - the signatures are Optuna's.

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler, TPESampler

from nas.search.samplers.task import Task

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_POPULATION = 20


class Nsga2(NSGAIISampler):
    """Optuna's NSGA-II, for a space that is known, and with parents in the order of their trials.

    Optuna works the space out from all trials; a fresh sampler would do so at every proposal. And it keeps a
    generation's parents by number, but hands them to the first child in another order: a search resumed in the
    middle of a generation would draw other children.
    """

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(population_size=_POPULATION, seed=seed)
        self._distributions = task.encoding.distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding."""
        return self._distributions

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """Select the parents of a generation."""
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)


class Tpe(TPESampler):
    """Optuna's TPE, for a space that is known."""

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(multivariate=True, seed=seed)
        self._distributions = task.encoding.distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding."""
        return self._distributions
