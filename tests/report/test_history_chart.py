import random
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nas.report.documents import Documents
from nas.report.facts import run_facts
from nas.report.history_chart import draw_history, history_data
from tests.report.run_documents import make_run


def history(run):
    return history_data(run_facts(Documents(Path("runs/a"), run.result, tuple(run.candidates))))


def test_the_best_accuracy_only_rises_and_ends_at_the_best():
    run = make_run()
    best = [accuracy for _, accuracy in history(run).best]
    assert best == sorted(best)
    assert best[-1] == 100 * max(c["metrics"]["accuracy"] or 0 for c in run.candidates)


def test_the_area_only_grows_and_ends_at_its_whole():
    area = [share for _, share in history(make_run()).area]
    assert area == sorted(area)
    assert area[-1] == pytest.approx(100)


def test_the_order_of_candidates_does_not_change_the_end():
    run = make_run()
    first = history(run)
    random.Random(1).shuffle(run.candidates)
    assert history(run).best[-1][1] == first.best[-1][1]


def test_candidates_over_the_budget_count_as_evaluations_only():
    data = history(make_run(complete=5, infeasible=30, baselines=0))
    assert data.evaluations == 35
    assert len(data.tried) == 5


@pytest.mark.parametrize("sizes", [(0, 0, 0), (0, 5, 0), (1, 0, 0), (1, 4, 0), (2000, 10, 3)])
def test_any_history_can_be_drawn(sizes):
    complete, infeasible, baselines = sizes
    data = history(make_run(complete=complete, infeasible=infeasible, baselines=baselines))
    ElementTree.fromstring(draw_history(data, 340))
