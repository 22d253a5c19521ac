"""Where a run stands: on runs that go on, stopped, failed, finished, damaged, and on what is no run."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from nas import runs
from nas.cli import main
from nas.errors import NasError, UserError
from nas.jobs.status import run_status
from nas.runs import RunDirectory
from nas.search.finalists import state_file
from nas.search.standing import noted, read_standing
from nas.search.watch import Silent
from tests.report.run_documents import make_run

CONFIG = {
    "target": "jetson-orin",
    "space": "tiny-hybrid",
    "data": "digits",
    "effort": {"evaluations": 150, "finalists": 3, "baselines": 2, "supernet": {"epochs": 16}},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "one"
    path.mkdir(parents=True)
    (path / runs.CONFIG).write_text(yaml.safe_dump(CONFIG))
    return path


def everything(path: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def with_candidates(path: Path) -> None:
    make_run(complete=20, infeasible=5).write(path)
    (path / runs.RESULT).unlink()


def test_a_run_that_goes_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunDirectory.open(run) as held, noted(held, Silent()) as watch:
        watch.progress("supernet", 1, 160)
        watch.progress("supernet", 52, 160)
        at = read_standing(run)
        assert at is not None
        assert at.done == 1  # not written more often than once a second
        with_candidates(run)
        watch.progress("search", 20, 150)
        before = everything(run)
        assert main(["status", str(run)]) == 0
        assert everything(run) == before
        found = run_status(run)
    said = capsys.readouterr().out
    assert f"goes on (process {os.getpid()} on " in said
    assert "stage    search, 13 % done" in said
    assert "candidates scored" in said
    assert "with shared weights" in said
    assert (found.state, found.pid, found.stage) == ("running", os.getpid(), "search")
    assert found.counts is not None
    assert found.counts.evaluated == 22  # with two seeds
    assert found.counts.infeasible == 6


def test_scores_that_only_rank_are_not_told_as_accuracies(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = {"name": "proxy", "detail": "macs"}
    (run / runs.CONFIG).write_text(yaml.safe_dump({**CONFIG, "evaluator": order}))
    with_candidates(run)
    assert main(["status", str(run)]) == 0
    best = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("best"))
    assert ": score 0." in best
    assert "by proxies: a rank, no accuracy" in best
    assert "shared weights" not in best


def test_the_rest_of_a_stage_is_told_from_its_pace(run: Path) -> None:
    with RunDirectory.open(run) as held, noted(held, Silent()):
        now = 1000.0
        document = {"pid": 1, "host": "h", "began": now - 300, "updated": now - 10, "earlier_seconds": 50.0}
        document |= {"stage": "supernet", "stage_began": now - 110, "first": 40.0, "done": 90.0, "total": 160.0}
        held.write_json(runs.PROGRESS, document)
        found = run_status(run, now)
    assert found.stage_seconds_left == pytest.approx(2.0 * 70 - 10)  # 50 steps took 100 s, 10 s ago
    assert found.elapsed_seconds == pytest.approx(350)
    assert found.epoch == 9


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt(), "stopped"), (NasError("loss\nis nan"), "failed")])
def test_what_ended_a_run(run: Path, error: BaseException, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    with RunDirectory.open(run) as held, pytest.raises(type(error)), noted(held, Silent()) as watch:
        watch.progress("finalists", 1, 5)
        raise error
    found = run_status(run)
    assert (found.state, found.stage, found.held) == (state, "finalists", False)
    assert (found.interrupted, found.error) == ((True, None) if state == "stopped" else (False, "loss is nan"))
    main(["status", str(run)])
    said = capsys.readouterr().out
    assert f"continue with: nas search --resume {run}" in said
    assert ("stopped by Ctrl-C or SIGTERM" in said) == (state == "stopped")
    assert ("error  " in said) == (state == "failed")


def test_what_was_done_in_the_last_second_before_the_end_is_told(run: Path) -> None:
    with RunDirectory.open(run) as held, pytest.raises(KeyboardInterrupt), noted(held, Silent()) as watch:
        for done in (1, 2, 3):
            watch.progress("search", done, 12)
        raise KeyboardInterrupt
    assert run_status(run).stage_share == 0.25


def test_a_budget_of_time_is_told_as_an_expectation(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def search_line(expected: int) -> str:
        effort = {**CONFIG["effort"], "evaluations": 5000}
        document = {**CONFIG, "effort": effort, "time_plan": {"evaluations": expected}}
        (run / runs.CONFIG).write_text(yaml.safe_dump(document))
        main(["status", str(run)])
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("search"))

    with_candidates(run)
    assert "22 of about 40 candidates scored" in search_line(40)
    assert "search   22 candidates scored" in search_line(20)
    make_run().write(run)
    (run / runs.PAGE).write_text("a page")
    assert "of about" not in search_line(4000)


def test_trainings_of_one_network_are_one_network(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run().write(run)
    (run / runs.PAGE).write_text("a page")
    (run / "finalists").mkdir()
    for name in (state_file("0a"), state_file("0a", 1), state_file("0a", 2), state_file("0b")):
        (run / "finalists" / name).write_bytes(b"")
    main(["status", str(run)])
    assert "finals   2 networks trained" in capsys.readouterr().out


def test_a_run_that_was_killed_and_resumed_counts_both_sittings(run: Path) -> None:
    with RunDirectory.open(run) as held:
        sitting = {"pid": 1, "host": "h", "began": 0.0, "updated": 70.0}
        held.write_json(runs.PROGRESS, sitting)
        assert run_status(run).elapsed_seconds is not None
    killed = run_status(run)
    assert (killed.state, killed.elapsed_seconds, killed.error) == ("stopped", 70.0, None)
    with RunDirectory.open(run) as held, noted(held, Silent()):
        found = run_status(run)
    assert found.elapsed_seconds is not None
    assert 70 <= found.elapsed_seconds < 100


def test_a_finished_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run().write(run)
    (run / runs.PAGE).write_text("a page")
    assert main(["status", str(run), "--json", "--watch"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["state"] == "finished"
    assert said["best"]["name"] == "winner"
    assert said["best"]["test_accuracy"] == 0.968
    assert said["elapsed_seconds"] == 146.0
    assert said["stage"] is None


def test_an_older_run_without_notes_is_told_from_its_files(run: Path) -> None:
    assert run_status(run).stage is None
    with_candidates(run)
    assert run_status(run).stage == "search"
    (run / "finalists").mkdir()
    (run / "finalists" / "0123.state").write_bytes(b"")
    found = run_status(run)
    assert (found.state, found.stage) == ("stopped", "finalists")


DAMAGE = {
    runs.CANDIDATES: ('{"number": 0}\nnonsense\n{"number": 1}\n', "line 2: damaged"),
    runs.RESULT: ('{"winner":', "not valid JSON"),
    runs.PROGRESS: ('{"pid": "x"}', "pid"),
    runs.CONFIG: ("[1, 2", "config.yaml"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_told_and_the_rest_is_still_said(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with_candidates(run)
    text, message = DAMAGE[name]
    (run / name).write_text(text)
    assert main(["status", str(run)]) == 2
    said = capsys.readouterr().out
    assert ": damaged" in said
    assert message in said
    assert "best" in said or name == runs.CANDIDATES


@pytest.mark.parametrize("text", ["[]", '{"winner": 3}', '{"winner": {"macs": 1}}'])
def test_a_result_that_is_none_is_damage_too(run: Path, text: str) -> None:
    (run / runs.RESULT).write_text(text)
    assert run_status(run).state == "damaged"


def test_a_half_written_last_line_is_no_damage(run: Path) -> None:
    with_candidates(run)
    with (run / runs.CANDIDATES).open("a") as file:
        file.write('{"number": 99, "sta')
    assert run_status(run).state == "stopped"


def test_what_is_no_run_is_named(run: Path) -> None:
    with pytest.raises(UserError, match=r"a folder of runs, not a run; it has: one"):
        run_status(run.parent)
    with pytest.raises(UserError, match=r"does not exist; did you mean '.*one'\?"):
        run_status(run.parent / "onne")
    shutil.rmtree(run)
    with pytest.raises(UserError, match=r"not a run \(it has no config.yaml\)"):
        run_status(run.parent)


def test_watching_says_what_has_changed_until_the_end(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = RunDirectory.open(run)
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            with_candidates(run)
        if len(looks) == 3:
            held.close()

    monkeypatch.setattr("nas.cli.commands.status.time.sleep", wait)
    assert main(["status", str(run), "--watch", "--every", "0.5"]) == 0
    said = capsys.readouterr().out
    assert looks == [0.5, 0.5, 0.5]
    assert said.count("run      ") == 3
    assert "stopped before its end" in said
