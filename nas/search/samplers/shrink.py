"""Proposals where hardly anything keeps the limits: a random architecture is made cheaper until it does.

Drawing again and again finds nothing there, and in a large space each draw brings blocks that were never costed.
Instead a draw takes over answers of the cheapest architecture, in random order and as few as will do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nas.search.objective import Constraints, Metrics, feasible, overshoot

if TYPE_CHECKING:
    from nas.space.space import SearchSpace

_DRAWS = 32  # if none of so many random architectures keeps the limits, drawing is given up
_PASSES = 2  # over all questions, to find the cheapest
_ROUNDS = 3  # of taking back what need not be changed


class Costed(Protocol):
    """An architecture with its answers and costs."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its answers to every question."""
        ...

    @property
    def asked(self) -> tuple[str, ...]:
        """The questions that shaped it."""
        ...

    @property
    def metrics(self) -> Metrics:
        """What it costs."""
        ...


Place = Callable[[Mapping[str, Any]], Costed]


class Shrinker:
    """Makes architectures of one space keep its limits.

    Args:
        base: answers of an architecture that keeps them, by far if possible.
        place: works out what answers cost.
        constraints: the limits.
    """

    def __init__(self, base: Mapping[str, Any], place: Place, constraints: Constraints) -> None:
        self._base = base
        self._place = place
        self._constraints = constraints

    def shrink(self, params: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
        """Return answers that keep the limits, with few of those given changed; which ones, `rng` draws."""
        names = [name for name, value in params.items() if value != self._base[name]]
        rng.shuffle(names)
        for _ in range(_ROUNDS):
            # What made the difference goes first: without it much else would be changed that need not be.
            names = names[: self._enough(params, names)]
            names = names[-1:] + names[:-1]
        return self._changed(params, names)

    def _enough(self, params: Mapping[str, Any], names: Sequence[str]) -> int:
        """Return how many of the names have to be changed; all of them are enough, and fewer are found by halving."""
        too_few, enough = -1, len(names)
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            point = self._place(self._changed(params, names[:middle]))
            if feasible(point.metrics, self._constraints):
                enough = middle
            else:
                too_few = middle
        return enough

    def _changed(self, params: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        return {**params, **{name: self._base[name] for name in names}}


def shrinker(space: SearchSpace, place: Place, constraints: Constraints) -> Shrinker | None:
    """Return what makes draws of a space keep its limits, where it is needed and can be had; always the same.

    None where random draws keep the limits now and then, and where nothing is known to keep them.
    """
    if not constraints.limits:
        return None
    rng = random.Random(0)
    for _ in range(_DRAWS):
        if feasible(place(space.encode(space.sample(rng))).metrics, constraints):
            return None
    base = cheapest(space, place, constraints)
    return Shrinker(base.params, place, constraints) if feasible(base.metrics, constraints) else None


def cheapest(space: SearchSpace, place: Place, constraints: Constraints) -> Costed:
    """Return the architecture that overshoots the limits least, found from the smallest by changing single answers."""

    def excess(point: Costed) -> tuple[float, float]:
        over = overshoot(point.metrics, constraints).values()
        return max(over), sum(over)

    best = place(space.encode(space.smallest()))
    for _ in range(_PASSES):
        before = best
        for name in best.asked:
            for value in space.parameters[name]:
                if value != best.params[name] and name in best.asked:
                    best = min(best, place({**best.params, name: value}), key=excess)
        if best is before:
            break
    return best
