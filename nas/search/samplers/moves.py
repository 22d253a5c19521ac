"""The moves from architecture to architecture that our samplers share."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from nas.search.samplers.task import Point, Task

_TRIES = 60
# A first proposal is the dearest of so many random ones: more MACs and parameters mean more accuracy far more often
# than not, and cost no evaluation to know.
_ENTRANTS = 8


def first_open(task: Task, draw: Callable[[], Point]) -> Point:
    """Draw until a point would be accepted; after many draws without one, return the last."""
    for _ in range(_TRIES):
        point = draw()
        if task.is_open(point):
            break
    return point


def random_point(task: Task, rng: random.Random) -> Point:
    """Draw a point that would be accepted."""
    return first_open(task, lambda: task.place(task.space.encode(task.sample(rng))))


def promising_point(task: Task, rng: random.Random) -> Point:
    """Return the point with the most MACs and parameters of several random ones."""
    entrants = [random_point(task, rng) for _ in range(_ENTRANTS)]
    macs = sorted(point.metrics.macs for point in entrants)
    params = sorted(point.metrics.params for point in entrants)
    return max(entrants, key=lambda p: macs.index(p.metrics.macs) + params.index(p.metrics.params))


def starting_point(task: Task, number: int, rng: random.Random) -> Point:
    """Return an early proposal: promising ones; where costs are limited or a goal, every other one is random.

    Close to a limit the dearest networks are not the best: they may spend all on one thing.
    """
    return random_point(task, rng) if task.costs_matter and number % 2 else promising_point(task, rng)


def crossed(task: Task, first: Point, second: Point, rng: random.Random) -> Point:
    """Take each part (stem, stage, head) from one of two parents."""
    from_first: dict[str, bool] = {}
    params: dict[str, Any] = {}
    for name, part in task.encoding.parts.items():
        if part not in from_first:
            from_first[part] = rng.random() < 0.5
        params[name] = (first if from_first[part] else second).params[name]
    return task.place(params)


def mutated(task: Task, point: Point, changes: int, rng: random.Random) -> Point:
    """Answer anew so many of the questions that shaped an architecture."""
    if not point.asked:
        return point
    params = dict(point.params)
    for name in rng.sample(point.asked, min(changes, len(point.asked))):
        params[name] = rng.choice([v for v in task.encoding.parameters[name] if v != params[name]])
    return task.place(params)


def neighbours(task: Task, point: Point, rng: random.Random) -> Iterator[Point]:
    """Yield every architecture with one other answer, in random order."""
    values = task.encoding.parameters
    moves = [(name, value) for name in point.asked for value in values[name] if value != point.params[name]]
    rng.shuffle(moves)
    for name, value in moves:
        yield task.place({**point.params, name: value})
