import random
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nas.report.documents import Documents
from nas.report.facts import run_facts
from nas.report.pareto_chart import MOST_POINTS, draw_pareto, pareto_data, staircase, thinned
from tests.report.run_documents import make_run


def facts(run):
    return run_facts(Documents(Path("runs/a"), run.result, tuple(run.candidates)))


def test_the_staircase_equals_a_brute_force_one():
    rng = random.Random(0)
    points = [(rng.randrange(20), rng.randrange(20)) for _ in range(80)]
    better = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points)}
    assert staircase(points) == tuple(sorted(better))


def test_candidates_over_the_budget_have_no_accuracy_and_a_place_below():
    run = make_run()
    data = pareto_data(facts(run), "latency_ms")
    infeasible = [c["metrics"]["latency_ms"] for c in run.candidates if c["state"] == "infeasible"]
    assert list(data.unscored) == infeasible
    trained_within = 3 + 2  # of the front with the winner, and of the baselines
    assert len(data.points) + len(infeasible) + trained_within == len(run.candidates)
    assert data.budget == 1.2
    assert pareto_data(facts(run), "macs").budget is None


def test_macs_are_in_millions_and_accuracies_in_percent():
    run = make_run(complete=1, infeasible=0, baselines=0)
    run.result |= {"winner": None, "front": []}
    [point] = pareto_data(facts(run), "macs").points
    metrics = run.candidates[0]["metrics"]
    assert point.x == metrics["macs"] / 1e6
    assert point.y == 100 * metrics["accuracy"]


def test_winner_and_baselines_are_marked_and_a_seed_is_not_marked_twice():
    run = facts(make_run())
    finalists = [n.name for n in run.networks if n.role == "finalist"]
    data = pareto_data(run, "macs")
    assert sorted((m.kind, m.name, m.feasible) for m in data.markers) == [
        ("baseline", "efficientnet_b0", False),
        ("baseline", "mobilenetv2", True),
        ("baseline", "mobilenetv3_small", True),
        *(("finalist", name, True) for name in sorted(finalists)),
        ("winner", "winner", True),
    ]


def test_a_seed_that_is_no_baseline_is_marked_as_seed():
    run = make_run(baselines=1)
    run.result["baselines"] = []
    assert ("seed", "mobilenetv2") in [(m.kind, m.name) for m in pareto_data(facts(run), "macs").markers]


def test_what_is_over_budget_is_not_on_the_front():
    data = pareto_data(facts(make_run(complete=0, infeasible=3)), "latency_ms")
    assert max(x for x, _ in data.front) <= 1.2


def test_a_trained_network_is_shown_after_its_training_alone_and_only_such_ones_make_the_front():
    run = make_run()
    winner = run.result["winner"]
    [inherited] = [c for c in run.candidates if c["digest"] == winner["digest"]]
    inherited["metrics"]["accuracy"] = 0.999  # above every other
    data = pareto_data(facts(run), "macs")
    assert max(p.y for p in data.points) < 99.9
    assert (winner["macs"] / 1e6, 100 * winner["search_accuracy"]) in [(m.point.x, m.point.y) for m in data.markers]
    trained = {(m.point.x, m.point.y) for m in data.markers if m.kind in ("winner", "finalist", "baseline")}
    assert set(data.front) <= trained


def test_points_on_top_of_each_other_are_drawn_once():
    points = [(1.0, 1.0)] * 10 + [(50.0, 50.0)]
    assert thinned(points, 2.5, 100) == [0, 10]
    assert len(thinned([(3.0 * i, 0.0) for i in range(1000)], 2.5, 100)) == 100


@pytest.mark.parametrize("width", [340, 528, 700])
@pytest.mark.parametrize("sizes", [(47, 30, 3), (0, 12, 0), (0, 0, 3), (1, 0, 0), (0, 1, 0), (2000, 500, 3), (0, 0, 0)])
def test_any_number_of_candidates_gives_a_bounded_drawing(sizes, width):
    complete, infeasible, baselines = sizes
    run = make_run(complete=complete, infeasible=infeasible, baselines=baselines)
    markup = draw_pareto(pareto_data(facts(run), "latency_ms"), width)
    root = ElementTree.fromstring(markup)
    assert len(root.findall("circle")) <= MOST_POINTS
    assert "nan" not in markup
    assert "inf" not in markup


def test_equal_accuracies_can_be_drawn():
    run = make_run()
    for candidate in run.candidates:
        if candidate["metrics"]["accuracy"] is not None:
            candidate["metrics"]["accuracy"] = 1.0
    ElementTree.fromstring(draw_pareto(pareto_data(facts(run), "macs"), 528))


def test_names_are_escaped():
    run = make_run(baselines=1)
    run.result["baselines"][0]["name"] = "<script>&"
    assert "<script>" not in draw_pareto(pareto_data(facts(run), "macs"), 528)
