"""A sampler that proposes what it is given."""

# ruff: noqa: ARG002 - the signatures are Optuna's.

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler

from nas.search.samplers.base import WholeSampler

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Fixed(BaseSampler):
    """Proposes given parameters, and lets another sampler note what it notes about every trial.

    NSGA-II counts a trial to a generation when it samples it; a trial that is enqueued the usual way never belongs
    to one, and would never be a parent.
    """

    def __init__(self, params: Mapping[str, Any], base: BaseSampler) -> None:
        self._params = params
        self._base = base

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the other sampler would sample; nothing where it would only draw, and note nothing."""
        if isinstance(self._base, WholeSampler):
            return {}
        return self._base.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Let the other sampler propose and pass over its proposal."""
        if search_space:
            self._base.sample_relative(study, trial, search_space)
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the given value."""
        return self._params[param_name]
