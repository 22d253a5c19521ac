"""Draws where hardly anything keeps the limits, in a space whose cheapest choices are not the smallest numbers."""

import random

import pytest

from benchmarks.flat import FlatSpace
from nas.errors import InfeasibleError
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints, Metrics, feasible
from nas.search.samplers import Listed, Task
from nas.search.samplers.shrink import cheapest
from nas.search.study import Study

WORDS, WIDTHS, LAYERS = ("dear", "cheap", "middling"), (1, 2, 4, 8, 16), 12
COSTS = {"dear": 9, "cheap": 1, "middling": 3}
SPACE = FlatSpace("wide", {f"k{i}": WORDS for i in range(LAYERS)} | {f"w{i}": WIDTHS for i in range(LAYERS)})
TIGHT = Constraints(macs=2 * LAYERS * 1000)  # twice the least; a random network has 36 times the least


def cost(point):
    answers = point.to_dict()
    macs = sum(1000 * COSTS[answers[f"k{i}"]] * answers[f"w{i}"] for i in range(LAYERS))
    return Metrics(macs, macs // 10, macs / 1e5, 0)


@pytest.mark.parametrize("seed", range(20))
def test_draws_keep_limits_that_random_ones_never_do(seed):
    rng = random.Random(seed)
    assert not any(feasible(cost(SPACE.sample(rng)), TIGHT) for _ in range(200))
    task = Task(SPACE, cost, TIGHT)
    drawn = [task.sample(random.Random(f"{seed}:{i}")) for i in range(20)]
    assert all(feasible(cost(point), TIGHT) for point in drawn)
    assert len({point.digest for point in drawn}) == 20
    assert drawn == [Task(SPACE, cost, TIGHT).sample(random.Random(f"{seed}:{i}")) for i in range(20)]


def test_what_was_drawn_stays_as_far_as_it_fits():
    task = Task(SPACE, cost, TIGHT)
    shares = []
    for seed in range(50):
        before, after = (s.sample(random.Random(seed)).to_dict() for s in (SPACE, task))
        base = cheapest(SPACE, task.place, TIGHT).params
        assert all(after[q] in (before[q], base[q]) for q in after)
        shares.append(cost(task.sample(random.Random(seed))).macs / TIGHT.macs)
    assert sum(shares) / len(shares) > 0.8  # of the budget is used


@pytest.mark.parametrize("limits", [Constraints(), Constraints(macs=300_000), Constraints(macs=1)])
def test_draws_are_left_alone_where_some_fit_and_where_none_can(limits):
    for seed in range(20):
        assert Task(SPACE, cost, limits).sample(random.Random(seed)) == SPACE.sample(random.Random(seed))


def test_listed_architectures_are_never_changed():
    members = tuple(SPACE.sample(random.Random(seed)) for seed in range(10))
    only = Listed(frozenset(m.digest for m in members), members)
    assert all(Task(SPACE, cost, TIGHT, only=only).sample(random.Random(seed)) in members for seed in range(20))


@pytest.mark.parametrize("name", ["surrogate", "evolution", "local", "random"])
def test_every_sampler_finds_candidates_within_a_tight_budget_at_few_costings(name):
    costed = []

    def counted(point):
        costed.append(point)
        return cost(point)

    study = Study(SPACE, TIGHT, counted, sampler_name=name, seeds=())
    for wanted in range(10):
        candidate = study.ask()
        assert candidate is not None and feasible(candidate.metrics, TIGHT)
        study.tell(candidate, Evaluation(0.5 + wanted % 7 / 20, None, 0.0))
    assert len(costed) < 10 * 200


def test_what_no_architecture_keeps_is_refused_with_the_nearest():
    study = Study(SPACE, Constraints(macs=11_999), cost, sampler_name="random", seeds=())
    with pytest.raises(InfeasibleError, match=r"the tightest seen: macs 12,000"):
        study.ask()
