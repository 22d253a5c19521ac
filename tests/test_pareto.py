import random

import pytest

from nas import pareto


def random_points(seed, count=30, grid=9):
    rng = random.Random(seed)
    return [(float(rng.randint(0, grid)), float(rng.randint(0, grid))) for _ in range(count)]


def dominates(p, q):
    return p[0] >= q[0] and p[1] <= q[1] and p != q


def brute_front(points):
    return {p for p in points if not any(dominates(q, p) for q in points)}


@pytest.mark.parametrize("seed", range(20))
def test_front_equals_brute_force(seed):
    points = random_points(seed)
    members = [points[i] for i in pareto.front(points)]
    assert set(members) == brute_front(points)
    assert len(members) == len(set(members))
    assert [c for _, c in members] == sorted(c for _, c in members)


@pytest.mark.parametrize("seed", range(10))
def test_ranks_peel_the_fronts(seed):
    points = random_points(seed)
    ranks = pareto.ranks(points)
    left, rank = list(points), 0
    while left:
        best = brute_front(left)
        assert {p for p, r in zip(points, ranks, strict=True) if r == rank} == best
        left, rank = [p for p in left if p not in best], rank + 1


@pytest.mark.parametrize("seed", range(10))
def test_hypervolume_counts_the_dominated_cells(seed):
    points = random_points(seed)
    # Points on a grid: the area is the number of unit cells below a point in accuracy and above it in cost.
    cells = sum(any(a > x and c <= y for a, c in points) for x in range(-1, 9) for y in range(10))
    assert pareto.hypervolume(points, (-1.0, 10.0)) == pytest.approx(cells)


def test_hypervolume_ignores_points_beyond_the_reference():
    assert pareto.hypervolume([(0.5, 3.0)], (0.6, 10.0)) == 0
    assert pareto.hypervolume([(0.5, 3.0)], (0.1, 3.0)) == 0
    assert pareto.hypervolume([], (0.0, 1.0)) == 0


def test_knee_is_the_bulge():
    points = [(0.5, 1.0), (0.88, 2.0), (0.9, 6.0), (0.91, 10.0), (0.4, 9.0)]
    assert pareto.knee(points) == 1


def test_knee_of_a_hollow_or_short_front_is_the_most_accurate():
    assert pareto.knee([(0.5, 1.0), (0.55, 9.0), (0.9, 10.0)]) == 2
    assert pareto.knee([(0.5, 1.0), (0.9, 2.0)]) == 1
    assert pareto.knee([(0.5, 1.0)]) == 0


def test_knee_needs_a_point():
    with pytest.raises(ValueError, match="no points"):
        pareto.knee([])
