import math
import random
from dataclasses import dataclass

import pytest

from nas.errors import UserError
from nas.search.objective import (
    CONSTRAINED,
    RULES,
    Constraints,
    Metrics,
    feasible,
    front,
    overshoot,
    select,
    violations,
)


def metrics(accuracy=None, macs=100, latency_ms=1.0, params=10, peak_memory_bytes=1000):
    return Metrics(macs, params, latency_ms, peak_memory_bytes, accuracy)


@dataclass
class Entry:
    metrics: Metrics


def entries(*figures):
    return [Entry(metrics(accuracy, macs, latency_ms)) for accuracy, macs, latency_ms in figures]


def test_overshoot_is_relative_and_signed():
    over = overshoot(metrics(macs=131, latency_ms=0.5), Constraints(latency_ms=1.0, macs=100))
    assert over == {"latency_ms": pytest.approx(-0.5), "macs": pytest.approx(0.31)}


@pytest.mark.parametrize("name", CONSTRAINED)
def test_each_limit_may_just_be_reached(name):
    value = getattr(metrics(), name)
    assert feasible(metrics(), Constraints(**{name: value}))
    assert set(violations(metrics(), Constraints(**{name: value * 0.99}))) == {name}


def test_no_limits_hold_always():
    assert feasible(metrics(), Constraints())


def test_the_margin_tightens_latency_alone():
    tight = Constraints(latency_ms=1.05, macs=100, margin=0.1)
    assert violations(metrics(), tight) == {"latency_ms": pytest.approx(1.1 / 1.05 - 1)}


def test_a_latency_that_is_no_number_is_infeasible():
    assert not feasible(metrics(latency_ms=math.nan), Constraints(latency_ms=1.0))


@pytest.mark.parametrize("given", [{"latency_ms": 0.0}, {"macs": -1}, {"margin": -0.1}, {"latency_ms": math.nan}])
def test_senseless_constraints_are_refused(given):
    with pytest.raises(UserError, match="constraint"):
        Constraints(**given)


def test_metrics_round_trip_with_points_per_gmac():
    known = metrics(0.9, macs=300_000_000)
    assert known.to_dict()["accuracy_per_gmac"] == pytest.approx(300)
    assert Metrics.from_dict(known.to_dict()) == known
    assert metrics().accuracy_per_gmac is None


def test_front_leaves_out_the_unevaluated():
    assert front([metrics(None, 1), metrics(0.9, 100), metrics(0.8, 50), metrics(0.7, 60)]) == [2, 1]


def test_the_default_winner_is_frugal_within_the_slack():
    pool = entries((0.96, 200, 3.0), (0.95, 100, 2.0), (0.949, 40, 1.0), (0.5, 1, 0.1))
    assert select(pool) == 1
    assert select(pool, accuracy_slack=0.02) == 2
    assert select(pool, accuracy_slack=0.0) == 0
    assert select(pool, accuracy_slack=1.0) == 3


def test_the_other_rules():
    pool = entries((0.96, 200, 2.0), (0.955, 150, 3.0), (0.952, 210, 1.0), (0.5, 10, 0.1))
    assert select(pool, "accuracy") == 0
    assert select(pool, "latency") == 2
    assert select(pool, "knee") == 1


def test_of_equal_accuracies_the_cheaper_wins():
    assert select(entries((0.9, 200, 1.0), (0.9, 100, 1.0)), "accuracy") == 1


@pytest.mark.parametrize("rule", RULES)
def test_rules_skip_what_was_not_evaluated(rule):
    pool = [Entry(metrics(None, 1, 0.01)), Entry(metrics(0.5))]
    assert select(pool, rule) == 1
    with pytest.raises(UserError, match="nothing to select"):
        select(pool[:1], rule)


@pytest.mark.parametrize("seed", range(10))
def test_the_default_winner_is_on_the_front_and_within_the_slack(seed):
    rng = random.Random(seed)
    pool = entries(*[(rng.random(), rng.randint(1, 99), 1.0) for _ in range(40)])
    winner = select(pool, accuracy_slack=0.1)
    assert winner in front([e.metrics for e in pool])
    assert pool[winner].metrics.accuracy >= max(e.metrics.accuracy for e in pool) - 0.1


def test_unknown_rules_name_the_nearest():
    with pytest.raises(UserError, match="did you mean 'accuracy'"):
        select(entries((0.9, 1, 1.0)), "acuracy")
    with pytest.raises(UserError, match="slack"):
        select(entries((0.9, 1, 1.0)), accuracy_slack=2)
