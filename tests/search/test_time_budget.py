"""How a budget of time is split, and that the stages of a search keep to it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from nas import runs
from nas.errors import UserError
from nas.jobs.search import plan_lines, start
from nas.runs import RunDirectory
from nas.search.config import Workers, read_config
from nas.search.defaults import Wishes, plan
from nas.search.explore import _workers
from nas.search.objective import feasible
from nas.search.pace import TIMED_NETWORKS
from nas.search.standing import StandingWatch
from nas.search.target import load_target
from nas.search.time_budget import Pace, TimeLeft, epochs_within, split, time_left, with_whole_passes
from nas.search.watch import Silent
from nas.space.architecture import Architecture

PACE = Pace(supernet_epoch_s=10.0, evaluation_s=0.5, finalist_epoch_s=1.0)


def planned(total_s=600.0, pace=PACE):
    return split(total_s, planning_s=20.0, pace=pace, formats=1, starting_s=10.0)


def test_the_stages_share_the_whole_budget():
    found = planned()
    parts = (found.planning_s, found.supernet_s, found.search_s, found.finalists_s, found.ending_s)
    assert sum(parts) == pytest.approx(600.0)
    assert found.planning_s + found.supernet_s == pytest.approx(found.supernet_end_s)
    assert found.evaluations == int((found.search_s - 10.0) / 0.5)


def test_a_supernet_that_is_there_leaves_its_time_to_the_others():
    found = planned(pace=replace(PACE, supernet_epoch_s=0.0))
    assert found.supernet_s == 0
    assert found.search_s > planned().search_s
    assert found.finalists_s > planned().finalists_s


def test_what_whole_passes_leave_over_goes_to_the_search():
    found = planned()
    whole = with_whole_passes(found, 10, 3)
    assert whole.finalists_s == pytest.approx(10 * 3 * 1.0 / 0.9)
    assert whole.search_s + whole.finalists_s == pytest.approx(found.search_s + found.finalists_s)
    assert whole.evaluations > found.evaluations
    assert with_whole_passes(found, 10, 1000) == found  # more than fits


def test_passes_are_whole_and_at_most_what_was_asked_for():
    assert epochs_within(139, 10, 128) == 12  # 13 would fit; few values are taken
    assert epochs_within(139, 10, 5) == 5
    assert epochs_within(3, 10, 128) == 1


def test_deadlines_are_counted_from_what_was_used():
    found = planned()
    assert TimeLeft(found, found.planning_s).supernet_share() == pytest.approx(0, abs=0.01)
    assert TimeLeft(found, found.supernet_end_s).supernet_share() == pytest.approx(1, abs=0.01)
    assert not TimeLeft(found, found.search_end_s - 1).search_is_over()
    assert TimeLeft(found, found.search_end_s).search_is_over()
    assert TimeLeft(found, found.finalists_end_s - 7).finalists_s() == pytest.approx(7, abs=0.1)


def test_workers_are_not_started_for_less_than_their_start_takes():
    found, ray = planned(), Workers("local", count=2)
    assert _workers(ray, None) == ray
    assert _workers(ray, TimeLeft(found, found.supernet_end_s)) == ray
    assert _workers(ray, TimeLeft(found, found.search_end_s - 20)).address == "inline"
    cluster = Workers("auto")
    assert _workers(cluster, TimeLeft(found, found.search_end_s - 20)) == cluster


def test_earlier_sittings_count(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "run") as run:
        first = StandingWatch(run, Silent())
        first.standing = replace(first.standing, began=first.standing.began - 100)
        first.end("stopped")
        StandingWatch(run, Silent())
        left = time_left(planned(), run)
        assert left is not None
        assert left.used_s == pytest.approx(20 + 100, abs=1)
    assert time_left(None, run) is None


def test_what_was_asked_for_is_an_upper_limit(toy_wishes: Wishes, tmp_path: Path) -> None:
    config = plan(replace(toy_wishes, time_budget_s=3600.0), runs_dir=tmp_path)
    assert config.effort.supernet.epochs == 2
    assert config.effort.evaluations == 8
    assert config.effort.finalist.epochs == 1
    lines = plan_lines(config)
    assert len(lines) == 7
    assert "2 passes" in lines[2]
    assert "about 8 candidates" in lines[3]


def test_a_budget_too_short_is_refused(toy_wishes: Wishes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--time-budget must be at least 10s"):
        plan(replace(toy_wishes, time_budget_s=2.0), runs_dir=tmp_path)


@pytest.mark.slow
def test_a_slow_machine_stops_every_stage_in_time(
    toy_wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps take ten times as long as when they were timed: a run ends in time all the same, with a winner."""
    from nas.search import timing
    from nas.training import loop

    monkeypatch.setattr(timing, "measure_pace", lambda *_, **__: Pace(0.05, 0.01, 0.02))
    step = loop._Run._step

    def slow(self, *args):
        time.sleep(0.2)
        return step(self, *args)

    monkeypatch.setattr(loop._Run, "_step", slow)
    open_ended = replace(toy_wishes, time_budget_s=12.0, supernet_epochs=None, evaluations=None, finalist_epochs=None)
    began = time.monotonic()
    outcome = start(open_ended, runs_dir=tmp_path, name="run", watch=Silent())
    assert time.monotonic() - began < 24  # a wide margin, for machines with much else to do
    config = read_config(outcome.path / runs.CONFIG)
    assert config.effort.supernet.epochs >= 64  # planned, and far out of reach
    assert (outcome.path / "supernet.safetensors").is_file()
    assert not list((tmp_path / ".supernets").glob("*.safetensors"))  # nobody else may take it for a trained one
    assert outcome.result["winner"]["test_accuracy"] > 0


def test_what_is_timed_keeps_the_limits(toy_wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the space is slower than the budget, and never scored: its pace would say nothing."""
    from nas.search import timing

    seen: list[Architecture] = []
    monkeypatch.setattr(timing, "measure_pace", lambda _, networks, *__, **___: seen.extend(networks) or PACE)
    config = plan(replace(toy_wishes, time_budget_s=3600.0), runs_dir=tmp_path)
    metrics = load_target(config.target).metrics
    assert len({network.digest for network in seen}) == TIMED_NETWORKS
    assert all(feasible(metrics(network), config.constraints) for network in seen)


def test_trainings_that_an_earlier_sitting_finished_say_nothing_of_how_long_one_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nas.search import final_stage

    now = 0.0
    monkeypatch.setattr(final_stage.time, "monotonic", lambda: now)
    left = TimeLeft(planned(), 0.0)
    monkeypatch.setattr(left, "finalists_s", lambda: 12.0)
    clock = final_stage._Clock(left)
    answers = []
    for seconds in (0.0, 0.0, 0.0, 10.0, 0.0):  # three were finished before
        answers.append(clock.enough())
        now += seconds
    assert answers == [True] * 5
    assert clock.enough(1)
    assert not clock.enough(2)


@pytest.mark.parametrize(("seconds", "epochs"), [(3600.0, 128), (24.0, 2)])
def test_a_supernet_of_few_passes_is_taken_only_where_no_longer_one_fits(
    toy_wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, epochs: int
) -> None:
    from nas.search import timing

    start(toy_wishes, runs_dir=tmp_path, name="short", watch=Silent())  # leaves a supernet of two passes
    monkeypatch.setattr(timing, "measure_pace", lambda *_, trained, **__: replace(PACE, supernet_epoch_s=4.0))
    open_ended = replace(toy_wishes, supernet_epochs=None, time_budget_s=seconds)
    config = plan(open_ended, runs_dir=tmp_path)
    assert config.effort.supernet.epochs == epochs
    assert config.time_plan is not None
    assert (config.time_plan.supernet_s == 0) == (epochs == 2)
    assert ("trained before" in plan_lines(config)[2]) == (epochs == 2)
