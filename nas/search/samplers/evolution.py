"""Regularised evolution, carried over to Pareto fronts.

Real et al. 2019 (arXiv:1802.01548). Parents win tournaments by Pareto rank, then by how lonely they are on their
front; a child is a crossover of two parents or a copy of one, with about two answers changed. Old candidates retire
unless they are on the front. Children are drawn until one keeps the limits and is new.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from nas import pareto
from nas.search.samplers.history import History
from nas.search.samplers.moves import crossed, first_open, mutated, random_point, starting_point
from nas.search.samplers.task import Point, Task

# Small populations matter more than the algorithm at the few hundred evaluations that a search can afford.
POPULATION = 20
_TOURNAMENT = 4
_CROSSOVER_SHARE = 0.5


def propose(task: Task, history: History, rng: random.Random) -> Point:
    """Propose a child of the population, or a starting point while that is too small."""
    known = len(history.points)
    if known < POPULATION:  # a population needs variety more than a good start
        return random_point(task, rng) if task.costs_matter else starting_point(task, known, rng)
    keep = sorted({*history.front, *range(known - POPULATION, known)})
    population: list[Point] = [history.points[i] for i in keep]
    scores = [history.scores[i] for i in keep]
    ranks, room = pareto.ranks(scores), crowding(scores)

    def parent() -> Point:
        entrants = [rng.randrange(len(population)) for _ in range(_TOURNAMENT)]
        winner: int = min(entrants, key=lambda i: (ranks[i], -room[i], i))
        return population[winner]

    def child() -> Point:
        start = parent()
        if rng.random() < _CROSSOVER_SHARE:
            start = crossed(task, start, parent(), rng)
        return mutated(task, start, rng.choice((1, 1, 2, 2, 3)), rng)

    return first_open(task, child)


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
