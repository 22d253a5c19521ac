"""A surrogate of the accuracy, learnt while the search goes on, proposes what is worth an evaluation.

In the manner of LINAS (Cummings et al. 2022, arXiv:2205.10358) and BANANAS (White et al. 2019, arXiv:1910.11858):
many architectures are drawn near the front, predictors of cost leave those within the limits, a predictor of accuracy
that is fitted to all evaluations ranks them, and the best one is evaluated. Here the predictor is an ensemble of a
Gaussian process and a forest, and the rank the expected gain in hypervolume. What is being evaluated meanwhile counts
as if it came out as predicted. Every second proposal is a step of `local` search, which finds the tops that a smooth
surrogate passes over: in turn from the best, and from the winner of a tournament. Where nothing better was found for
a while, both begin anew elsewhere; the surrogate keeps all it has learnt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice

import numpy as np
from threadpoolctl import ThreadpoolController

from nas import pareto
from nas.search.samplers import local
from nas.search.samplers.encoding import Array
from nas.search.samplers.ensemble import fitted
from nas.search.samplers.gain import expected_gain
from nas.search.samplers.history import History
from nas.search.samplers.moves import crossed, mutated, random_point, starting_point
from nas.search.samplers.restart import since_restart
from nas.search.samplers.task import Point, Task

_STARTS = 10
_DEAR_STARTS = 20  # where more is simply better: the surrogate would settle too soon on what it saw first
_LOCAL_EVERY = 2
_ROUNDS = 3
_DRAWN = 50  # architectures per round
_TRIES = 3  # draws for each of them
_BEST = 8  # of a round, around which the next one draws
_NEAR_FRONT = 12


def propose(task: Task, history: History, rng: random.Random) -> Point:
    """Propose the architecture with the highest expected gain, or a starting point while little is known."""
    lately = since_restart(history)
    if len(lately.points) < _STARTS or (len(history.points) < _DEAR_STARTS and not task.costs_matter):
        return starting_point(task, history.number, rng)
    if history.number % _LOCAL_EVERY == 0:
        if history.number // _LOCAL_EVERY % 2:
            return local.propose(task, lately, rng)
        return local.neighbour_of_winner(task, lately, rng)
    with _blas().limit(limits=1, user_api="blas"):
        return _most_promising(task, history, _nearest_front(lately), rng)


@cache
def _blas() -> ThreadpoolController:
    """Return the hold on BLAS: on matrices of a few hundred rows its threads only spin, beside Ray and the workers."""
    return ThreadpoolController()


def _most_promising(task: Task, history: History, parents: list[Point], rng: random.Random) -> Point:
    """Return what the surrogate expects most of, among architectures drawn around parents and around each other."""
    rank = _ranking(task, history)
    pool: dict[str, Point] = {}
    order: list[Point] = parents
    for _ in range(_ROUNDS):
        pool |= {point.architecture.digest: point for point in _drawn(task, order, parents, rng)}
        if not pool:
            return random_point(task, rng)
        points = list(pool.values())
        order = [points[i] for i in np.argsort(-rank(points), kind="stable")]
    return order[0]


def _ranking(task: Task, history: History) -> Callable[[Sequence[Point]], Array]:
    """Fit the surrogate and return what ranks points by their expected gain."""
    points, scores = history.points, history.scores
    accuracies = stretched(np.array([accuracy for accuracy, _ in scores]))
    known = [(float(a), cost) for a, (_, cost) in zip(accuracies, scores, strict=True)]
    model = fitted(points, accuracies)
    if history.running:
        believed, _ = model.predict(history.running)
        model = model.surer_of((*points, *history.running), np.concatenate([accuracies, believed]))
        known += [(float(b), _cost(task, p)) for b, p in zip(believed, history.running, strict=True)]
    ceiling = max(cost for _, cost in known) or 1.0

    def rank(candidates: Sequence[Point]) -> Array:
        mean, deviation = model.predict(candidates)
        return expected_gain(mean, deviation, np.array([_cost(task, p) for p in candidates]), known, ceiling)

    return rank


def stretched(accuracies: Array) -> Array:
    """Spread the good apart and draw the bad together, in the same order.

    What failed to learn is raised to a low value first: how bad the bad are would drown how good the good are.
    """
    low, high = np.quantile(accuracies, (0.25, 0.75))
    raised = np.maximum(accuracies, low - 1.5 * (high - low))
    best = raised.max()
    return np.asarray(-np.log(best - raised + 0.1 * (best - raised.min()) + 1e-9))


def _nearest_front(history: History) -> list[Point]:
    ranks = pareto.ranks(history.scores)
    order = sorted(range(len(ranks)), key=lambda i: (ranks[i], -i))
    front = sum(rank == 0 for rank in ranks)
    return [history.points[i] for i in order[: max(_NEAR_FRONT, front)]]


def _drawn(task: Task, best: Sequence[Point], parents: Sequence[Point], rng: random.Random) -> list[Point]:
    """Draw points that would be accepted: children of the best, of the front, and random ones."""

    def draws() -> Iterator[Point]:
        for i in range(_DRAWN * _TRIES):
            start = rng.choice(best[:_BEST] if i % 2 else parents)
            if i % 10 == 0:
                yield task.place(task.space.encode(task.sample(rng)))
            elif i % 10 < 4:
                yield mutated(task, crossed(task, start, rng.choice(parents), rng), 1, rng)
            else:
                yield mutated(task, start, rng.choice((1, 1, 2, 3)), rng)

    found = list(islice((point for point in draws() if task.is_open(point)), _DRAWN))
    # Where hardly a move leads to what may be proposed, more is drawn at random.
    more = (task.place(task.space.encode(task.sample(rng))) for _ in range(_TRIES * (_DRAWN - len(found))))
    return [*found, *islice((point for point in more if task.is_open(point)), _DRAWN - len(found))]


def _cost(task: Task, point: Point) -> float:
    return float(point.metrics.macs) if task.macs_count else 0.0
