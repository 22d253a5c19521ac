"""Naming a run's winner anew: by which figures, within which budget, and what stays of the former one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from nas import runs
from nas.artefacts import load_winner
from nas.cli import main
from nas.errors import UserError
from nas.jobs.select import Contender, Order, Selection, select_anew
from nas.jobs.winners import install
from nas.search.watch import Silent
from tests.small_run import small_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("selecting")).path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "small"))


def result_of(path: Path) -> dict:
    return json.loads((path / runs.RESULT).read_text())


def edited(path: Path, *, cheapest: float, others: float) -> int:
    """Give the finalists other accuracies, by their MACs, and return the MACs of the cheapest."""
    result = result_of(path)
    entries = [*result["baselines"], *(e for e in result["front"] if e.get("test_accuracy") is not None)]
    least: int = min(entry["macs"] for entry in entries)
    for entry in entries:
        entry["search_accuracy"] = cheapest if entry["macs"] == least else others
    (path / runs.RESULT).write_text(json.dumps(result))
    return least


def another(selection: Selection) -> Contender:
    return next(c for c in selection.within if c.digest != selection.former)


def test_the_runs_own_rule_names_the_same_winner(run: Path) -> None:
    selection = select_anew(run, Order())
    assert selection.trained
    assert selection.winner.digest == selection.former == result_of(run)["winner"]["digest"]


def test_the_rule_decides_by_search_accuracy(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    least = edited(run, cheapest=0.949, others=0.95)
    assert select_anew(run, Order("accuracy")).winner.metrics.macs > least
    thrifty = select_anew(run, Order("accuracy_per_mac", 0.10)).winner
    assert thrifty.metrics.macs == least
    before = (run / runs.RESULT).read_bytes()
    assert main(["select", str(run), "--select", "accuracy_per_mac", "--accuracy-slack", "10"]) == 0
    said = capsys.readouterr().out
    assert "slack 10 points; latency_ms <= 10" in said
    assert f"winner   {thrifty.name}" in said
    assert (run / runs.RESULT).read_bytes() == before


def test_a_tighter_budget_rules_finalists_out(run: Path) -> None:
    least = edited(run, cheapest=0.5, others=0.9)
    tight = select_anew(run, Order("accuracy", limits={"macs": least}))
    assert tight.winner.metrics == replace(tight.winner.metrics, macs=least, accuracy=0.5)
    assert len(tight.within) < len(tight.contenders)


def test_where_no_finalist_fits_the_front_is_shown_and_said_to_be_untrained(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = result_of(run)
    for entry in (*result["baselines"], *result["front"]):
        entry["macs"] *= 1000
    (run / runs.RESULT).write_text(json.dumps(result))
    macs = max(json.loads(line)["metrics"]["macs"] for line in (run / runs.CANDIDATES).read_text().splitlines())
    assert main(["select", str(run), "--macs", str(macs)]) == 0
    said = capsys.readouterr().out
    assert "NOT trained to their end" in said
    assert "accuracy (with shared weights, before its own training) only compares them" in said
    assert "train it with: nas specialise" in said
    config = yaml.safe_load((run / runs.CONFIG).read_text())
    (run / runs.CONFIG).write_text(yaml.safe_dump({**config, "evaluator": {"name": "proxy", "detail": "macs"}}))
    assert main(["select", str(run), "--macs", str(macs)]) == 0
    said = capsys.readouterr().out
    assert "score (by proxies: a rank, no accuracy) only compares them" in said
    assert "rank score" in said
    assert "accuracy (%)" not in said.replace("test accuracy (%)", "")
    assert main(["select", str(run), "--macs", str(macs), "--write"]) == 2
    assert "was not trained to its end" in capsys.readouterr().err


def test_an_unfinished_run_selects_among_its_candidates(run: Path) -> None:
    (run / runs.RESULT).unlink()
    selection = select_anew(run, Order("accuracy"))
    assert not selection.trained
    best = max(c.metrics.accuracy or 0 for c in selection.contenders)
    assert selection.winner.metrics.accuracy == best
    (run / runs.CANDIDATES).unlink()
    with pytest.raises(UserError, match="no candidate was scored yet"):
        select_anew(run, Order())


def test_known_designs_keep_their_names_among_candidates(run: Path) -> None:
    (run / runs.RESULT).unlink()
    found = select_anew(run, Order("accuracy")).contenders
    assert all(c.known != c.name.startswith("candidate-") for c in found)


def test_impossible_budgets_and_unknown_rules_are_refused(run: Path) -> None:
    networks = len({record["digest"] for record in runs.read_records(run / runs.CANDIDATES)})
    said = rf"none of the {networks} scored .* keeps latency_ms <= 1e-06; the least of each: latency_ms 0\.[^;]*; .*"
    with pytest.raises(UserError, match=said + rf"nas specialise {run} --latency-ms 1e-06$"):
        select_anew(run, Order(limits={"latency_ms": 1e-6}))
    with pytest.raises(UserError, match="did you mean 'knee'"):
        select_anew(run, Order("knees"))
    assert main(["select", str(run.parent)]) == 2


def test_a_written_choice_replaces_the_winner_and_keeps_the_former(run: Path) -> None:
    former = result_of(run)
    (run / "export").mkdir(exist_ok=True)
    (run / "export" / "model.onnx").write_text("of the former")
    page = (run / runs.PAGE).read_bytes()
    selection = select_anew(run, Order())
    other = another(selection)
    install(run, replace(selection, winner=other), Silent())

    architecture, network = load_winner(run / "winner")
    assert architecture.digest == other.digest
    assert sum(p.numel() for p in network.parameters()) == other.metrics.params
    result = result_of(run)
    assert result["winner"]["digest"] == other.digest
    assert result["winner"]["kernels"]
    assert result["verification"] == []
    assert [told["winner"]["digest"] for told in result["selections"]] == [former["winner"]["digest"], other.digest]
    assert result["selections"][0]["winner"] == former["winner"]
    kept = run / "selections" / former["winner"]["digest"]
    assert load_winner_digest(kept) == former["winner"]["digest"]
    assert (kept / "export" / "model.onnx").read_text() == "of the former"
    assert not (run / "export").exists()
    assert (run / runs.PAGE).read_bytes() != page
    assert other.digest in (run / "winner" / "card.json").read_text()

    install(run, select_anew(run, Order()), Silent())  # the run's own rule: the former comes back as it was
    assert load_winner(run / "winner")[0].digest == former["winner"]["digest"]
    assert (run / "export" / "model.onnx").read_text() == "of the former"
    assert {k: v for k, v in result_of(run).items() if k != "selections"} == former
    assert len(result_of(run)["selections"]) == 3


def load_winner_digest(folder: Path) -> str:
    from nas.space.architecture import load_architecture

    return load_architecture(folder / "winner" / "architecture.json").digest


def test_the_written_weights_are_those_of_the_training(run: Path) -> None:
    """The search's own winner, brought back from its training state, is what the search had saved."""
    import torch

    from nas.jobs.winners import trained_network

    architecture, saved = load_winner(run / "winner")
    again = trained_network(run, architecture).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in saved.state_dict().items())


def test_without_the_weights_nothing_changes(run: Path) -> None:
    selection = select_anew(run, Order())
    shutil.rmtree(run / "finalists")
    before = (run / runs.RESULT).read_bytes()
    with pytest.raises(UserError, match="winner stays as it is"):
        install(run, replace(selection, winner=another(selection)), Silent())
    assert (run / runs.RESULT).read_bytes() == before
    assert load_winner(run / "winner")[0].digest == selection.former


def test_a_run_in_use_is_not_written(run: Path) -> None:
    with runs.RunDirectory.open(run), pytest.raises(UserError, match="another process"):
        install(run, select_anew(run, Order()), Silent())
