"""What a sampler may know before anything is evaluated."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas.search.objective import Constraints, Metrics, feasible
from nas.search.samplers.encoding import Array, Encoding
from nas.search.samplers.history import Memory
from nas.search.samplers.shrink import Shrinker, cheapest, shrinker

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

CostFunction = Callable[["Architecture"], Metrics]


@dataclass(frozen=True, eq=False)
class Point:
    """An architecture as samplers handle it.

    Attributes:
        params: its answers to every question.
        asked: the questions that shaped it.
        architecture: the architecture itself.
        metrics: its cost.
        encoding: the questions of its space.
    """

    params: Mapping[str, Any]
    asked: tuple[str, ...]
    architecture: Architecture
    metrics: Metrics
    encoding: Encoding

    @cached_property
    def answers(self) -> Array:
        """The answers as numbers."""
        return self.encoding.features(self.params, self.asked)

    @cached_property
    def features(self) -> Array:
        """The answers as numbers, then logarithms of MACs, parameters and latency."""
        metrics = self.metrics
        costs = np.log([max(metrics.macs, 1), max(metrics.params, 1), max(metrics.latency_ms, 1e-6)])
        return np.concatenate([self.answers, costs])


class Listed(NamedTuple):
    """The only architectures that may be proposed, where not all of a space can be scored.

    Attributes:
        digests: of all of them.
        members: those that are known by more than their digest; proposals are drawn among them where there are any.
    """

    digests: frozenset[str]
    members: tuple[Architecture, ...]


class Task:
    """A space with its costs and hard limits, and what was proposed in it so far.

    Args:
        space: where to search.
        cost: gives an architecture's metrics, all but the accuracy.
        constraints: the hard limits.
        known: digests of what was proposed before; grows while the search goes on.
        macs_count: whether few MACs are a goal beside accuracy.
        only: the only architectures that may be proposed; None if all may.
        seed: of the whole search.
    """

    def __init__(
        self,
        space: SearchSpace,
        cost: CostFunction,
        constraints: Constraints,
        known: Collection[str] = (),
        *,
        macs_count: bool = True,
        only: Listed | None = None,
        seed: int = 0,
    ) -> None:
        self.space = space
        self.seed = seed
        self.only = only
        self.macs_count = macs_count
        self.encoding = Encoding(space)
        self._cost = cost
        self._constraints = constraints
        self._known = known
        self.memory = Memory()

    @property
    def costs_matter(self) -> bool:
        """Whether cost is limited or a goal, so that more is not simply better."""
        return self.macs_count or bool(self._constraints.limits)

    def place(self, params: Mapping[str, Any]) -> Point:
        """Work out everything about the architecture that answers describe."""
        architecture, asked = self.encoding.read(params)
        return Point(params, asked, architecture, self._cost(architecture), self.encoding)

    def sample(self, rng: random.Random) -> Architecture:
        """Draw an architecture that may be proposed, if that is known.

        It may break the limits; where hardly any would keep them, it is made to.
        """
        if self.only is not None and self.only.members:
            return rng.choice(self.only.members)
        drawn = self.space.sample(rng)
        if self._shrinker is None:
            return drawn
        return self.space.decode(self._shrinker.shrink(self.space.encode(drawn), rng))

    @cached_property
    def cheapest(self) -> Metrics | None:
        """What it takes to be nearest to the limits; None where nothing is limited, or all is listed."""
        if self.only is not None or not self._constraints.limits:
            return None
        return cheapest(self.space, self.place, self._constraints).metrics

    @cached_property
    def _shrinker(self) -> Shrinker | None:
        """What makes draws keep the limits, where hardly any would; what is listed cannot be changed."""
        return None if self.only is not None else shrinker(self.space, self.place, self._constraints)

    def open(self, architecture: Architecture) -> bool:
        """Whether a proposal would be accepted: it was not made before, and keeps the limits."""
        return self._is_new(architecture.digest) and feasible(self._cost(architecture), self._constraints)

    def is_open(self, point: Point) -> bool:
        """Whether a point would be accepted."""
        return self._is_new(point.architecture.digest) and feasible(point.metrics, self._constraints)

    def _is_new(self, digest: str) -> bool:
        return digest not in self._known and (self.only is None or digest in self.only.digests)

    def scores(self, trial: FrozenTrial) -> tuple[float, float]:
        """Return accuracy and cost of a finished trial; the cost is 0 where it is no goal."""
        return (trial.values[0], trial.values[1] if self.macs_count else 0.0)
