"""TensorBoard and Optuna's dashboard show a run."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from nas.search.events import FOLDER, Events
from nas.training.loop import Progress
from tests.small_run import small_run


@pytest.mark.slow
def test_a_run_is_shown(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    pytest.importorskip("optuna_dashboard")
    run = small_run(tmp_path).path
    read = loader.EventAccumulator(str(run / FOLDER)).Reload()
    records = [json.loads(line) for line in (run / "candidates.jsonl").read_text().splitlines()]
    complete = {r["number"]: r["metrics"]["accuracy"] for r in records if r["state"] == "complete"}
    shown = {event.step: event.value for event in read.Scalars("candidate/accuracy")}
    assert shown == pytest.approx(complete)
    trainings = [path.name for path in (run / FOLDER).iterdir() if path.is_dir()]
    assert {"supernet", "plain"} < set(trainings)
    for training in trainings:
        steps = [event.step for event in loader.EventAccumulator(str(run / FOLDER / training)).Reload().Scalars("loss")]
        assert steps == list(range(1, len(steps) + 1))
        assert steps
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()"]
    server = subprocess.Popen([*program, str(run / "study.journal"), "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        studies = answer(f"http://127.0.0.1:{port}/api/studies", seconds=60)["study_summaries"]
        assert [study["study_name"] for study in studies] == [run.name]
        trials = answer(f"http://127.0.0.1:{port}/api/studies/{studies[0]['study_id']}?after=0", seconds=10)["trials"]
        assert len(trials) == len(records)
    finally:
        server.terminate()
        server.wait(timeout=10)


def answer(url: str, *, seconds: float) -> dict:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return json.load(response)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.slow
def test_a_training_that_goes_on_shows_each_step_once(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for steps, loss in ((range(1, 6), 2.0), (range(4, 9), 1.0)):
        with Events(tmp_path).training("../a b") as add:
            for step in steps:
                add(Progress(epoch=1, epochs=1, step=step, steps=8, seconds=0, seconds_left=0, metrics={"loss": loss}))
    (folder,) = (tmp_path / FOLDER).iterdir()
    shown = loader.EventAccumulator(str(folder)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in shown] == [(s, 2.0 if s < 4 else 1.0) for s in range(1, 9)]
