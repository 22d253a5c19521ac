"""A run taken to another target or budget: nothing is trained or scored twice, and costs are those of the target."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nas import runs
from nas.cli import main
from nas.errors import InfeasibleError, UserError
from nas.jobs.specialise import Order, _tell_of_supernet, specialise, transfer
from nas.search.config import read_config
from nas.search.target import load_target
from nas.search.watch import Silent
from nas.space.architecture import Architecture
from tests.small_run import small_run

CORAL = Order("coral-edgetpu", {"latency_ms": 10.0})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("specialising")).path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished.parent, tmp_path / "runs")
    return tmp_path / "runs" / "small"


def candidates(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / runs.CANDIDATES).read_text().splitlines()]


def complete(path: Path) -> dict[str, float]:
    return {c["digest"]: c["metrics"]["accuracy"] for c in candidates(path) if c["state"] == "complete"}


def everything(path: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_costs_are_the_targets_and_accuracies_the_runs(run: Path) -> None:
    before = everything(run)
    made = transfer(run, CORAL)
    assert everything(run) == before
    known, coral = complete(run), load_target("coral-edgetpu")
    assert made.scored == len(known) == 16
    assert 0 < made.runnable < made.scored  # the Edge TPU runs neither hard_swish nor attention
    for candidate in made.candidates:
        assert candidate.metrics == replace(coral.metrics(candidate.architecture), accuracy=known[candidate.digest])
        assert all(block.kind == "mbconv" for stage in candidate.architecture.stages for block in stage)
        assert candidate.metrics.latency_ms <= (made.config.constraints.latency_ms or 0)
    assert not made.config.derived
    assert made.favourite in made.candidates
    macs = [c.metrics.macs for c in made.front]
    assert macs == sorted(macs)


def test_another_targets_latency_is_derived_from_it(run: Path) -> None:
    config = transfer(run, Order("coral-edgetpu", evaluations=1)).config
    assert config.derived
    assert 0.2 <= (config.feasible_share or 0) <= 0.6
    assert config.constraints.latency_ms != read_config(run / runs.CONFIG).constraints.latency_ms
    assert transfer(run, Order("jetson-orin")).config.constraints.latency_ms == 10.0


def test_the_same_target_with_another_budget(run: Path) -> None:
    wide = transfer(run, Order())
    assert wide.config.constraints == read_config(run / runs.CONFIG).constraints
    assert len(wide.candidates) == wide.runnable == 16
    latencies = sorted(c.metrics.latency_ms for c in wide.candidates)
    tight = transfer(run, Order(limits={"latency_ms": latencies[4]}))
    assert 5 <= len(tight.candidates) == sum(ms <= latencies[4] for ms in latencies) < 16
    assert not tight.config.derived


def test_a_new_run_without_any_training_of_shared_weights_or_scoring(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this was done before")

    monkeypatch.setattr("nas.search.supernets.train_supernet", refuse)
    monkeypatch.setattr("nas.search.supernet_evaluator.SupernetEvaluator.evaluate", refuse)
    made, known, before = transfer(run, CORAL), complete(run), everything(run)
    outcome = specialise(made, None, Silent())
    assert outcome.path == run.absolute().parent / "small-coral-edgetpu"
    assert outcome.result["specialised_from"] == str(run)
    assert outcome.result["target"] == "coral-edgetpu"
    assert outcome.result["counts"]["evaluated"] == len(made.candidates)
    assert 0 <= outcome.result["winner"]["test_accuracy"] <= 1
    assert complete(outcome.path).items() <= known.items()
    assert everything(run) == before
    again = specialise(made, None, Silent())
    assert again.path.name == "small-coral-edgetpu-2"
    with pytest.raises(UserError, match="exists already"):
        specialise(made, "small", Silent())


def test_trainings_of_finalists_are_taken_along(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.training import loop

    steps: list[int] = []
    step = loop._Run._step
    monkeypatch.setattr(loop._Run, "_step", lambda self, *given: steps.append(1) or step(self, *given))
    outcome = specialise(transfer(run, Order(limits={"latency_ms": 9.0})), "again", Silent())
    assert steps == []
    former = json.loads((run / runs.RESULT).read_text())
    assert outcome.result["winner"]["digest"] == former["winner"]["digest"]
    assert outcome.result["winner"]["test_accuracy"] == former["winner"]["test_accuracy"]


def test_more_candidates_are_searched_on_the_new_target(run: Path) -> None:
    made = transfer(run, replace(CORAL, evaluations=6))
    outcome = specialise(made, "more", Silent())
    taken = len(made.candidates)
    told = candidates(outcome.path)
    assert [c["digest"] for c in told[:taken]] == [c.digest for c in made.candidates]
    new = [c for c in told[taken:] if c["state"] == "complete"]
    assert len(new) == 6
    assert not {c["digest"] for c in new} & {c.digest for c in made.candidates}
    assert min(c["number"] for c in new) > max(c.number for c in made.candidates)
    field = made.field.restriction.space
    assert all(field.contains(Architecture.from_dict(c["architecture"])) for c in new)


def test_what_is_lost_is_made_up_for(run: Path) -> None:
    kept = len(transfer(run, CORAL).candidates)
    made = transfer(run, replace(CORAL, evaluations=None))
    assert kept < made.scored / 3
    assert made.more == made.config.effort.evaluations - kept == made.scored - kept
    assert transfer(run, Order(evaluations=None)).more == 0  # all are left


def test_known_designs_that_fit_only_the_new_target_are_proposed_first(run: Path) -> None:
    lines = [c for c in candidates(run) if not c["source"].startswith("seed:")]
    (run / runs.CANDIDATES).write_text("".join(json.dumps(c) + "\n" for c in lines))
    outcome = specialise(transfer(run, Order(evaluations=1)), "seeded", Silent())
    new = [c for c in candidates(outcome.path) if "from_run" not in c["search"]]
    assert new[0]["source"] == "seed:plain"
    assert outcome.result["baselines"][0]["name"] == "plain"


def test_the_command(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specialise", str(run), "--target", "coral-edgetpu", "--latency-ms", "10", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "16 candidates scored" in said
    assert main(["specialise", str(run), "--target", "coral-edgetpu", "--evaluations", "0", "--dry-run"]) == 0
    assert "more are scored next" not in capsys.readouterr().out
    assert "can run on coral-edgetpu" in said
    assert "by its accuracy (with shared weights" in said
    assert [p.name for p in run.parent.iterdir() if not p.name.startswith(".")] == ["small"]
    assert main(["specialise", str(run), "--latency-ms", "9", "--name", "nine", "--format", "onx"]) == 2
    assert "did you mean 'onnx'" in capsys.readouterr().err
    assert main(["specialise", str(run), "--latency-ms", "9", "--name", "nine"]) == 0
    said = capsys.readouterr().out
    assert "supernet trained before" in said
    assert "winner" in said


def test_mistakes(run: Path) -> None:
    with pytest.raises(UserError, match=r"keeps latency_ms <= 1e-06; the least of each: latency_ms 0\..*--evaluations"):
        transfer(run, Order(limits={"latency_ms": 1e-6}))
    with pytest.raises(UserError, match="did you mean 'coral-edgetpu'"):
        transfer(run, Order("coral-edgetp"))
    (run / runs.CANDIDATES).write_text("")
    with pytest.raises(UserError, match="nothing to take over"):
        transfer(run, CORAL)


def test_an_impossible_budget_is_told_before_more_are_searched(run: Path) -> None:
    with pytest.raises(InfeasibleError, match="tightest seen"):
        transfer(run, Order(limits={"macs": 10}, evaluations=5))


def test_an_edited_space_is_noticed(run: Path, tmp_path: Path) -> None:
    config = read_config(run / runs.CONFIG)
    text = Path(config.space).read_text()
    edited = tmp_path / "edited.yaml"
    edited.write_text(text.replace("kernel_size: [3, 5]", "kernel_size: [3]"))
    (run / runs.CONFIG).write_text((run / runs.CONFIG).read_text().replace(config.space, str(edited)))
    with pytest.raises(UserError, match="was it edited since"):
        transfer(run, CORAL)


def test_a_supernet_that_is_gone_is_said(run: Path) -> None:
    class Told(Silent):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def say(self, text: str) -> None:
            self.lines.append(text)

    shutil.rmtree(run.parent / ".supernets")
    told = Told()
    specialise(transfer(run, Order(limits={"latency_ms": 9.0})), "anew", told)
    assert "any more: it is trained anew" in told.lines[0]
    (run / runs.CONFIG).write_text((run / runs.CONFIG).read_text().replace("name: supernet", "name: train"))
    made = transfer(run, Order(limits={"latency_ms": 9.0}))
    assert made.config.evaluator.name == "train"
    told = Told()
    _tell_of_supernet(made, told)
    assert told.lines == []
