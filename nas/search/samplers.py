"""Search algorithms: one function each, which makes an Optuna sampler for a space and a seed.

A sampler sees the flat encoding of the space (every parameter always present, all categorical) and must keep nothing
between two proposals: the study makes a fresh one for each proposal, seeded from the search's seed and the number
of the proposal, and everything else it needs it reads from the study's finished trials. That is what makes a
search repeatable, and a resumed one the same as an undisturbed one.
"""

# ruff: noqa: ARG002 - the signatures are Optuna's.

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from nas import pareto
from nas.errors import unknown_name

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from nas.space.space import SearchSpace

DEFAULT = "evolution"

# Small populations matter more than the algorithm at the few hundred evaluations that a search can afford.
_POPULATION = 20
_TOURNAMENT = 4
_CROSSOVER_SHARE = 0.5
_MUTATED_CHOICES = 2.0


def nsga2(space: SearchSpace, seed: int) -> BaseSampler:
    """NSGA-II (Deb et al., 2002) with a small population."""
    return Nsga2(space, seed)


def evolution(space: SearchSpace, seed: int) -> BaseSampler:
    """Regularised evolution (Real et al., 2019, arXiv:1802.01548), carried over to Pareto fronts."""
    return RegularisedEvolution(space, seed)


def tpe(space: SearchSpace, seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator (Ozaki et al., 2022), with all parameters modelled together.

    Optuna's default for two goals models each parameter on its own; on these spaces that is of no use.
    """
    return Tpe(space, seed)


def uniform(_space: SearchSpace, seed: int) -> BaseSampler:
    """Random search: the baseline that every other sampler has to beat."""
    return RandomSampler(seed=seed)


SAMPLERS: Mapping[str, Callable[[SearchSpace, int], BaseSampler]] = MappingProxyType(
    {"nsga2": nsga2, "evolution": evolution, "tpe": tpe, "random": uniform}
)


def make_sampler(name: str, space: SearchSpace, seed: int) -> BaseSampler:
    """Make the sampler called `name`.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    return SAMPLERS[name](space, seed)


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the flat encoding of `space` in Optuna's terms."""
    return {name: CategoricalDistribution(values) for name, values in space.parameters.items()}


class Nsga2(NSGAIISampler):
    """Optuna's NSGA-II, for a space that is known, and with parents in the order of their trials.

    Optuna works the space out from all trials; a fresh sampler would do so at every proposal. And it keeps a
    generation's parents by number, but hands them to the first child in another order: a search resumed in the
    middle of a generation would draw other children.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        super().__init__(population_size=_POPULATION, seed=seed)
        self._distributions = distributions(space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding."""
        return self._distributions

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """Select the parents of a generation."""
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)


class Tpe(TPESampler):
    """Optuna's TPE, for a space that is known."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        super().__init__(multivariate=True, seed=seed)
        self._distributions = distributions(space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding."""
        return self._distributions


class RegularisedEvolution(BaseSampler):
    """Evolution whose population is the newest candidates and the front.

    Parents win tournaments by Pareto rank, then by how lonely they are on their front; a child is a crossover of
    two parents or a copy of one, mutated in about two choices. Old candidates retire unless they are on the front.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space = space
        self._rng = random.Random(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole encoding: every parameter is proposed together."""
        return distributions(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose a child of the population, or a random architecture while that is too small."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < _POPULATION:
            return self._space.encode(self._space.sample(self._rng))
        points = [(t.values[0], t.values[1]) for t in complete]
        keep = sorted({*pareto.front(points), *range(len(complete) - _POPULATION, len(complete))})
        return self._child([complete[i] for i in keep], [points[i] for i in keep])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter at random; only called for what `sample_relative` left out."""
        assert isinstance(param_distribution, CategoricalDistribution)
        return self._rng.choice(param_distribution.choices)

    def _child(self, population: Sequence[FrozenTrial], points: Sequence[pareto.Point]) -> dict[str, Any]:
        ranks, room = pareto.ranks(points), crowding(points)

        def parent() -> Any:
            entrants = [self._rng.randrange(len(population)) for _ in range(_TOURNAMENT)]
            return self._space.decode(population[min(entrants, key=lambda i: (ranks[i], -room[i], i))].params)

        child = parent()
        if self._rng.random() < _CROSSOVER_SHARE:
            child = self._space.crossover(child, parent(), self._rng)
        rate = min(1.0, _MUTATED_CHOICES / max(1, len(self._space.parameters)))
        return self._space.encode(self._space.mutate(child, self._rng, rate))


class Fixed(BaseSampler):
    """Proposes given parameters, and lets another sampler note what it notes about every trial.

    NSGA-II counts a trial to a generation when it samples it; a trial that is enqueued the usual way never belongs
    to one, and would never be a parent.
    """

    def __init__(self, params: dict[str, Any], base: BaseSampler) -> None:
        self._params = params
        self._base = base

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the other sampler would sample."""
        return self._base.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Let the other sampler propose and pass over its proposal."""
        self._base.sample_relative(study, trial, search_space)
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the given value."""
        return self._params[param_name]


def crowding(points: Sequence[pareto.Point]) -> list[float]:
    """Return each point's distance to its neighbours in accuracy and in cost; the outermost are infinitely far."""
    room = np.zeros(len(points))
    for goal in (0, 1):
        values = np.array([p[goal] for p in points], dtype=float)
        order = np.argsort(values, kind="stable")
        spread = (values[order[-1]] - values[order[0]]) or 1.0
        gaps = (values[order[2:]] - values[order[:-2]]) / spread
        room[order[1:-1]] += gaps
        room[order[[0, -1]]] = np.inf
    return [float(r) for r in room]
