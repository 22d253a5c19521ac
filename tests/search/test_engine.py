"""A whole search on small data: what it leaves behind, stopping it, and going on."""

import errno
import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas import runs
from nas.artefacts import load_winner
from nas.errors import InfeasibleError, NasError, UserError
from nas.jobs.search import start
from nas.jobs.taking_up import run_for
from nas.search.config import Workers, config_document, read_config
from nas.search.defaults import Wishes, plan
from nas.search.objective import Constraints
from nas.search.stopping import InterruptedRunError
from nas.search.watch import Silent
from nas.training.loop import DivergedError


@pytest.fixture
def wishes(toy_wishes: Wishes) -> Wishes:
    return toy_wishes


class Said(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def candidates(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / runs.CANDIDATES).read_text().splitlines()]


def test_a_search_leaves_everything_behind(wishes: Wishes, tmp_path: Path) -> None:
    outcome = start(wishes, runs_dir=tmp_path / "runs", name="first", watch=Silent())
    result, winner = outcome.result, outcome.result["winner"]
    assert result["schema_version"] == 1
    assert result["counts"]["evaluated"] == 8
    assert winner["latency_ms"] <= result["budget"]["latency_ms"]
    assert 0 <= winner["test_accuracy"] <= 1
    assert winner["latency_interval_ms"][0] <= winner["latency_ms"] <= winner["latency_interval_ms"][1]
    assert winner["accuracy_per_gmac"] == pytest.approx(100 * winner["search_accuracy"] / (winner["macs"] / 1e9))
    assert result["baselines"][0]["name"] == "plain"
    assert result["verdict"]
    for name in ("config.yaml", "study.journal", "report.html", "report.md", "winner/model.safetensors"):
        assert (outcome.path / name).stat().st_size > 0
    assert read_config(outcome.path / runs.CONFIG).seed == 0


def test_a_second_search_reuses_the_supernet_and_another_target(wishes: Wishes, tmp_path: Path) -> None:
    start(wishes, runs_dir=tmp_path / "runs", name="first", watch=Silent())
    supernets = list((tmp_path / "runs" / ".supernets").glob("*.safetensors"))
    outcome = start(replace(wishes, target="coral-edgetpu"), runs_dir=tmp_path / "runs", name="second", watch=Silent())
    assert list((tmp_path / "runs" / ".supernets").glob("*.safetensors")) == supernets
    blocks = [b for stage in outcome.result["winner"]["architecture"]["stages"] for b in stage]
    assert all(b["kind"] != "transformer" and b["act"] != "hard_swish" for b in blocks)


def test_an_interrupted_search_goes_on_to_the_same_end(
    wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = start(wishes, runs_dir=tmp_path / "a", name="run", watch=Silent())

    from nas.search import supernet_evaluator

    evaluate, calls = supernet_evaluator.SupernetEvaluator.evaluate, []

    def interrupted(self, architecture):
        calls.append(1)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return evaluate(self, architecture)

    monkeypatch.setattr(supernet_evaluator.SupernetEvaluator, "evaluate", interrupted)
    with pytest.raises(InterruptedRunError, match="--resume"):
        start(wishes, runs_dir=tmp_path / "b", name="run", watch=Silent())
    kept = candidates(tmp_path / "b" / "run")
    assert sum(c["state"] == "complete" for c in kept) == 5  # the one that ran was finished
    with pytest.raises(UserError, match=r"another search \(accuracy_slack: 0.01 there, 0.03 here\).*--resume"):
        start(replace(wishes, accuracy_slack=0.03), runs_dir=tmp_path / "b", name="run", watch=Silent())
    resumed = start(wishes, runs_dir=tmp_path / "b", name="run", watch=Silent())  # the same command again
    assert candidates(resumed.path)[: len(kept)] == kept
    same = [[(c["digest"], c["metrics"]) for c in candidates(o.path)] for o in (undisturbed, resumed)]
    assert same[0] == same[1]
    assert undisturbed.result["winner"]["test_accuracy"] == resumed.result["winner"]["test_accuracy"]


def test_a_finalist_that_diverges_is_left_out_with_its_reason(
    wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.search import finalists

    train = finalists.FinalTraining.train

    def diverging(self, candidate, *, name):
        if name == "finalist-1":
            raise DivergedError("loss is nan at step 1")
        return train(self, candidate, name=name)

    monkeypatch.setattr(finalists.FinalTraining, "train", diverging)
    outcome = start(wishes, runs_dir=tmp_path / "runs", name="run", watch=Silent())
    assert outcome.result["left_out"] == {"finalist-1": "DivergedError: loss is nan at step 1"}
    assert outcome.result["winner"]["name"] != "finalist-1"


def test_a_training_that_does_harm_leaves_the_inherited_weights(
    wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.search import finalists

    def harmful(network, *_args, **_more):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()

    monkeypatch.setattr(finalists, "train", harmful)
    watch = Said()
    outcome = start(wishes, runs_dir=tmp_path / "runs", name="run", watch=watch)
    winner = outcome.result["winner"]
    assert winner["keeps_inherited_weights"]
    assert winner["search_accuracy"] == pytest.approx(winner["inherited_accuracy"])
    network = load_winner(outcome.path / "winner")[1]
    assert all(parameter.any() for parameter in network.parameters())
    assert any("keeps its inherited weights" in line for line in watch.lines)


def test_a_search_of_which_nothing_could_be_scored_says_why(
    wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.search.supernet_evaluator import SupernetEvaluator

    def broken(*_: object) -> float:
        raise RuntimeError("no such images")

    monkeypatch.setattr(SupernetEvaluator, "evaluate", broken)
    for _ in range(2):  # again, when it is resumed
        with pytest.raises(NasError, match="none of 3 candidates could be scored: .*no such images"):
            start(replace(wishes, evaluations=3), runs_dir=tmp_path / "runs", name="run", watch=Silent())


def test_an_impossible_budget_names_the_tightest_seen(wishes: Wishes, tmp_path: Path) -> None:
    impossible = replace(wishes, constraints=Constraints(latency_ms=1e-6))
    with pytest.raises(InfeasibleError, match="tightest seen"):
        start(impossible, runs_dir=tmp_path / "runs", name="run", watch=Silent())


def test_mistakes_are_found_before_any_work(wishes: Wishes, tmp_path: Path) -> None:
    for wrong in ({"target": "jetson"}, {"space": "nowhere"}, {"data": str(tmp_path / "none")}, {"formats": ("onx",)}):
        with pytest.raises(UserError):
            start(replace(wishes, **wrong), runs_dir=tmp_path / "runs", name="run", watch=Silent())
    with pytest.raises(UserError, match="not legal"):
        start(wishes, runs_dir=tmp_path / "runs", name="../up", watch=Silent())
    assert not (tmp_path / "runs" / "run").exists()


def test_a_budget_is_derived_where_none_is_given(wishes: Wishes) -> None:
    config = plan(replace(wishes, constraints=Constraints()))
    assert config.derived
    assert config.constraints.latency_ms is not None
    assert 0.2 <= (config.feasible_share or 0) <= 0.6


def test_what_is_no_run_is_not_overwritten(wishes: Wishes, tmp_path: Path) -> None:
    (tmp_path / "runs" / "run").mkdir(parents=True)
    (tmp_path / "runs" / "run" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="exists already"):
        start(wishes, runs_dir=tmp_path / "runs", name="run", watch=Silent())


@pytest.mark.parametrize("evaluator", ["train", "proxy"])
def test_without_a_supernet_finalists_are_trained_from_scratch(wishes: Wishes, tmp_path: Path, evaluator: str) -> None:
    alone = replace(wishes, evaluator=evaluator, supernet_epochs=None)
    outcome = start(alone, runs_dir=tmp_path / "runs", name="run", watch=Silent())
    assert not (tmp_path / "runs" / ".supernets").exists()
    said, front = outcome.result["evaluator"], outcome.result["front"]
    assert said["name"] == evaluator
    assert all("evaluator_score" in entry and "inherited_accuracy" not in entry for entry in front)
    if evaluator == "proxy":
        assert all(entry["test_accuracy"] is not None for entry in front)
        return
    lines = [json.loads(line) for line in (outcome.path / runs.RUNGS).read_text().splitlines()]
    assert [line["epochs"] for line in lines] == [said["epochs_of_rungs"][1]] * 3
    assert {entry["digest"] for entry in front} <= {line["digest"] for line in lines}
    assert {c["metrics"]["accuracy"] for c in candidates(outcome.path) if c["state"] == "complete"}


def test_a_search_on_scores_that_are_known_proposes_nothing_else(wishes: Wishes, tmp_path: Path) -> None:
    first = start(wishes, runs_dir=tmp_path / "runs", name="first", watch=Silent())
    known = {c["digest"]: c["metrics"] for c in candidates(first.path) if c["state"] == "complete"}
    table = replace(wishes, evaluator=f"table:{first.path / runs.CANDIDATES}", supernet_epochs=None, evaluations=50)
    second = start(table, runs_dir=tmp_path / "runs", name="second", watch=Silent())
    assert {c["digest"]: c["metrics"] for c in candidates(second.path) if c["state"] == "complete"} == known


def test_the_same_search_without_a_name_goes_on_with_the_unfinished_run(wishes: Wishes, tmp_path: Path) -> None:
    config = plan(wishes)
    with run_for(config, tmp_path, None, "orin-toy", Silent()) as run:
        run.write_yaml(runs.CONFIG, config_document(replace(config, workers=Workers(count=3))))
        with run_for(config, tmp_path, None, "orin-toy", Silent()) as held:
            assert held.path.name == "orin-toy-2"
    with run_for(config, tmp_path, None, "orin-toy", Silent()) as again:
        assert again.path == run.path
    with run_for(replace(config, seed=1), tmp_path, None, "orin-toy", Silent()) as other:
        assert other.path.name == "orin-toy-3"
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / ".lock").touch()  # killed before its configuration was written
    with run_for(config, tmp_path, "cut", "orin-toy", Silent()) as cut:
        assert cut.path.name == "cut"


def test_a_full_disk_ends_in_one_line_and_the_same_search_goes_on(
    wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, calls = runs.append_record, []

    def full(path: Path, record: object) -> None:
        calls.append(path)
        if len(calls) == 8:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        append(path, record)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "append_record", full)
        with pytest.raises(
            NasError, match=r"jsonl: No space left on device; make room; then continue with: .*--resume"
        ):
            start(wishes, runs_dir=tmp_path / "runs", name="run", watch=Silent())
    kept = candidates(tmp_path / "runs" / "run")
    assert 0 < len(kept) < 8
    outcome = start(wishes, runs_dir=tmp_path / "runs", name="run", watch=Silent())
    assert candidates(outcome.path)[: len(kept)] == kept
