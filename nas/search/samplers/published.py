"""Optuna's own samplers, for a space that is known."""

# ruff: noqa: ARG002 - the signatures are Optuna's.

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler, TPESampler
from optuna.trial import TrialState

from nas.search.samplers.task import Task

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_POPULATION = 20
_PARENTS = "Nsga2:parents"


class Nsga2(NSGAIISampler):
    """Optuna's NSGA-II, for a space that is known, and with parents in the order of their trials.

    Optuna works the space out from all trials; a fresh sampler would do so at every proposal. And it keeps a
    generation's parents in the study, which a resumed search has not, by number, and hands them to the first child in
    another order: a search resumed in the middle of a generation would draw other children. Here every child notes
    its generation's parents, and they are handed on in the order of their trials.
    """

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(population_size=_POPULATION, seed=seed)
        self._distributions = task.encoding.distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose a child, and note its generation's parents."""
        params = super().sample_relative(study, trial, search_space)
        parents = self.get_parent_population(study, self.get_trial_generation(study, trial))
        if parents:
            study._storage.set_trial_system_attr(trial._trial_id, _PARENTS, [_fingerprint(p) for p in parents])
        return params

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """Select the parents of a generation, those that its first child had."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        for sibling in study.get_trials(deepcopy=False):
            noted = sibling.system_attrs.get(_PARENTS)
            if noted and sibling.system_attrs.get(self._get_generation_key()) == generation:
                return [trial for trial in complete if _fingerprint(trial) in noted]
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)


def _fingerprint(trial: FrozenTrial) -> str:
    return hashlib.sha256(json.dumps(trial.params, sort_keys=True).encode()).hexdigest()[:12]


class Tpe(TPESampler):
    """Optuna's TPE, for a space that is known."""

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(multivariate=True, seed=seed)
        self._distributions = task.encoding.distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding."""
        return self._distributions
