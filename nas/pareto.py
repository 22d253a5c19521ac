"""Pareto fronts of two goals: accuracy up, cost down.

A point is ``(accuracy, cost)``. One point dominates another if it is at least as good in both and better in one.
Functions return indices into what they were given, so that callers keep their own objects.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

Point = tuple[float, float]


def front(points: Sequence[Point]) -> list[int]:
    """Return the indices of the points that nothing dominates, from the cheapest to the dearest.

    Of equal points only the first is kept.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0], i))
    kept: list[int] = []
    for i in order:
        if not kept or points[i][0] > points[kept[-1]][0]:
            kept.append(i)
    return kept


def ranks(points: Sequence[Point]) -> list[int]:
    """Return each point's rank: 0 on the front, 1 on the front of what is left, and so on.

    From the cheapest on, a point belongs to the first front whose best accuracy so far it exceeds (Jensen 2003).
    """
    result = [0] * len(points)
    tops: list[float] = []  # of each front, the best accuracy so far, negated: they rise from front to front
    before: int | None = None
    for i in sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0], i)):
        if before is not None and points[before] == points[i]:
            result[i] = result[before]
            continue
        rank = bisect_right(tops, -points[i][0])
        tops[rank : rank + 1] = [-points[i][0]]
        result[i], before = rank, i
    return result


def best(points: Sequence[Point], count: int) -> list[int]:
    """Return the indices of `count` points, front by front; of one front, those with the most accuracy first."""
    found = ranks(points)
    return sorted(range(len(points)), key=lambda i: (found[i], -points[i][0], i))[:count]


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Return the area that the points dominate, up to `reference` (the lowest accuracy, the highest cost).

    Points that are no better than the reference in both goals add nothing.
    """
    floor, ceiling = reference
    inside = [p for p in points if p[0] > floor and p[1] < ceiling]
    steps = [inside[i] for i in front(inside)]
    ends = [cost for _, cost in steps[1:]] + [ceiling]
    return sum((accuracy - floor) * (end - cost) for (accuracy, cost), end in zip(steps, ends, strict=False))


def knee(points: Sequence[Point]) -> int:
    """Return the index of the front's knee: the member farthest above the line between the front's two ends.

    Both goals are scaled to the front's own range first. A front without a bulge (or of fewer than three
    members) has its knee at the most accurate member.

    Raises:
        ValueError: if there are no points.
    """
    members = front(points)
    if not members:
        raise ValueError("no points, so no knee")
    low_accuracy, low_cost = points[members[0]]
    high_accuracy, high_cost = points[members[-1]]

    def height(i: int) -> float:
        accuracy = (points[i][0] - low_accuracy) / (high_accuracy - low_accuracy)
        return accuracy - (points[i][1] - low_cost) / (high_cost - low_cost)

    if len(members) < 3:
        return members[-1]
    best = max(members, key=height)
    return best if height(best) > 1e-9 else members[-1]
