"""The parts of the surrogate on problems whose answer is known."""

import random

import numpy as np
import pytest

from benchmarks.flat import FlatSpace
from nas import pareto
from nas.search.objective import Constraints, Metrics
from nas.search.samplers import Task
from nas.search.samplers.ensemble import fitted
from nas.search.samplers.gain import expected_gain
from nas.search.samplers.moves import neighbours, promising_point, random_point
from nas.search.samplers.surrogate import stretched

FRONT = [(0.5, 10.0), (0.8, 40.0)]


def test_the_gain_of_a_certain_accuracy_is_the_gain_in_hypervolume():
    for point in ((0.7, 20.0), (0.9, 40.0), (0.6, 50.0), (0.9, 5.0)):
        gain = expected_gain(np.array([point[0]]), np.array([1e-9]), np.array([point[1]]), FRONT, 100.0)
        before, after = (pareto.hypervolume(points, (0.5 - 1e-12, 100.0)) for points in (FRONT, [*FRONT, point]))
        assert gain[0] == pytest.approx(after - before, abs=1e-6)


def test_the_unsure_gain_more_than_the_sure():
    gains = expected_gain(np.array([0.75, 0.75]), np.array([0.01, 0.2]), np.array([50.0, 50.0]), FRONT, 100.0)
    assert gains[1] > gains[0]


def task(limit=None):
    space = FlatSpace("five", {f"q{i}": ("a", "b", "c") for i in range(6)} | {"n": (1, 2, 3)})

    def cost(point):
        answers = point.to_dict()
        return Metrics(answers["n"] * 1000, 10 * answers["n"], float(answers["n"]), 0)

    return Task(space, cost, Constraints(latency_ms=limit))


def shown(count):
    """Points and their accuracies, in which every answer but the cost counts."""
    here, rng = task(), random.Random(0)
    points = [random_point(here, rng) for _ in range(count)]
    worth = {"a": 0.0, "b": 1.0, "c": 2.0}
    return points, np.array([sum(worth[p.params[f"q{i}"]] * (i + 1) for i in range(6)) for p in points])


@pytest.mark.parametrize("part", ["process", "forest", "both"])
def test_the_surrogate_learns_what_it_is_shown(part):
    points, values = shown(120)
    model = fitted(points[:80], values[:80])
    answers, features = (np.array([getattr(p, name) for p in points[80:]]) for name in ("answers", "features"))
    means = {"process": model.process.predict(answers), "forest": model.forest.predict(features)}
    mean, _ = means[part] if part != "both" else model.predict(points[80:])
    assert np.corrcoef(mean, values[80:])[0, 1] > (0.8 if part == "forest" else 0.9)


def test_the_surrogate_knows_what_it_does_not_know():
    points, values = shown(120)
    model = fitted(points[:80], values[:80])
    known, unknown = (model.predict(some)[1].mean() for some in (points[:80], points[80:]))
    assert known < 0.7 * unknown


def test_what_is_believed_of_running_points_makes_the_surrogate_surer_of_them():
    points, values = shown(60)
    model = fitted(points[:40], values[:40])
    believed, before = model.predict(points[40:])
    mean, after = model.surer_of(points, np.concatenate([values[:40], believed])).predict(points[40:])
    assert after.mean() < 0.9 * before.mean()
    assert np.corrcoef(mean, believed)[0, 1] > 0.95


def test_the_same_points_give_the_same_forest():
    points, values = shown(40)
    first, second = (fitted(points, values).predict(points[:5]) for _ in range(2))
    assert np.array_equal(first, second)


def test_stretching_keeps_the_order_and_draws_the_bad_together():
    accuracies = np.array([0.1, 0.8, 0.82, 0.84, 0.85, 0.86])
    found = stretched(accuracies)
    assert list(np.argsort(found)) == list(range(6))
    assert found[1] - found[0] < found[5] - found[1]


def test_equal_accuracies_stretch_to_equal_numbers():
    assert np.ptp(stretched(np.full(5, 0.3))) == 0


def test_neighbours_differ_in_one_answer_and_are_all_there():
    here = task()
    point = random_point(here, random.Random(0))
    found = list(neighbours(here, point, random.Random(0)))
    assert len({p.architecture.digest for p in found}) == 7 * 2
    assert all(sum(p.params[q] != point.params[q] for q in point.params) == 1 for p in found)


def test_promising_points_are_dear_but_within_the_limit():
    points = [promising_point(task(limit=2.0), random.Random(seed)) for seed in range(20)]
    assert max(p.metrics.latency_ms for p in points) == 2.0
    assert sum(p.metrics.latency_ms == 2.0 for p in points) > 15
