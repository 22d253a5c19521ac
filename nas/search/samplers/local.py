"""Local search: the neighbours of the best, one answer changed at a time.

White et al. 2020 (arXiv:2005.02960) and Ottelander et al. 2020 found it hard to beat at few evaluations. Where the
best has no neighbour left, the next best is taken, which is how it leaves a local optimum. With two goals any member
of the Pareto front may be the one to leave from, the lonelier the likelier.
"""

from __future__ import annotations

import random

from nas import pareto
from nas.search.samplers.evolution import crowding
from nas.search.samplers.history import History
from nas.search.samplers.moves import neighbours, random_point, starting_point
from nas.search.samplers.task import Point, Task

_STARTS = 10
_TOURNAMENT = 5
_BASES = 12  # so many of the best are asked for a neighbour before a random architecture is drawn


def propose(task: Task, history: History, rng: random.Random) -> Point:
    """Propose a new neighbour of one of the best."""
    if len(history.points) < _STARTS:
        return starting_point(task, history.number, rng)
    for base in _bases(history, rng):
        for point in neighbours(task, base, rng):
            if task.is_open(point):
                return point
    return random_point(task, rng)


def neighbour_of_winner(task: Task, history: History, rng: random.Random) -> Point:
    """Propose a new neighbour of the best of a few that are drawn at random."""
    ranks = pareto.ranks(history.scores)
    for _ in range(_BASES):
        winner = min((rng.randrange(len(ranks)) for _ in range(_TOURNAMENT)), key=lambda i: (ranks[i], -i))
        for point in neighbours(task, history.points[winner], rng):
            if task.is_open(point):
                return point
    return random_point(task, rng)


def _bases(history: History, rng: random.Random) -> list[Point]:
    """Return the best, front by front; those of one front in an order drawn by how lonely they are."""
    ranks, room = pareto.ranks(history.scores), crowding(history.scores)
    chance = [rng.random() ** (1 / (0.1 + min(r, 2.0))) for r in room]
    order = sorted(range(len(ranks)), key=lambda i: (ranks[i], -chance[i], i))
    return [history.points[i] for i in order[:_BASES]]
