"""Which kernels and blocks to measure next: where predictions are worst and nothing near was measured.

After nn-Meter's adaptive data sampling (Zhang et al., MobiSys 2021) and LitePred (Feng et al., NSDI 2024): a first
round covers the ranges of the pool; then each candidate is worth the left-out error of its nearest measured sample
times its distance to it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

Feature = tuple[float, float, float]

UNKNOWN_ERROR = 1.0  # of a family that has never been measured
LEAST_ERROR = 0.02  # what measurement noise leaves; keeps exactly predicted corners from never being visited again


@dataclass(frozen=True, slots=True)
class Point:
    """A sample as sampling sees it.

    Attributes:
        key: its name.
        family: distances are taken within it.
        feature: logarithms of multiply-adds, activations and weights.
    """

    key: str
    family: str
    feature: Feature


def feature(macs: float, activation_elements: float, weight_elements: float) -> Feature:
    """Return the place of a sample: sizes as logarithms to the base 2."""
    return math.log2(macs + 1), math.log2(activation_elements + 1), math.log2(weight_elements + 1)


def next_points(pool: Sequence[Point], errors: Mapping[str, float], count: int) -> list[Point]:
    """Choose what to measure next.

    Args:
        pool: everything that could be measured, with what has been.
        errors: relative left-out error of each measured sample, by key.
        count: how many are wanted.
    """
    places: dict[str, list[tuple[Feature, float]]] = defaultdict(list)
    for point in pool:
        if point.key in errors:
            places[point.family].append((point.feature, errors[point.key]))
    left = [point for point in pool if point.key not in errors]
    centres = _centres(pool)
    worth = {point.key: _worth(point, places[point.family], centres[point.family]) for point in left}
    chosen: list[Point] = []
    while left and len(chosen) < count:
        best = max(left, key=lambda point: (worth[point.key], point.key))
        left.remove(best)
        chosen.append(best)
        # Once measured it will speak for its surroundings; its error is taken to be the usual one until then.
        places[best.family].append((best.feature, LEAST_ERROR))
        for point in left:
            if point.family == best.family:
                worth[point.key] = _worth(point, places[point.family], centres[point.family])
    return chosen


def _worth(point: Point, measured: Sequence[tuple[Feature, float]], centre: Feature) -> float:
    if not measured:  # a family that was never measured comes first, with the outermost of its points
        return 1e3 * UNKNOWN_ERROR + math.dist(point.feature, centre)
    distance, error = min((math.dist(point.feature, place), error) for place, error in measured)
    return max(error, LEAST_ERROR) * distance


def _centres(pool: Sequence[Point]) -> dict[str, Feature]:
    """Return the mean place of each family."""
    families: dict[str, list[Feature]] = defaultdict(list)
    for point in pool:
        families[point.family].append(point.feature)
    return {
        family: (fmean(f[0] for f in places), fmean(f[1] for f in places), fmean(f[2] for f in places))
        for family, places in families.items()
    }
