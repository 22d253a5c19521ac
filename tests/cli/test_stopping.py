"""Real processes: stopped by Ctrl-C or SIGTERM, or killed, in any stage, a search goes on and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_run import noise_flags


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    effort = ["--supernet-epochs", "12", "--evaluations", "12", "--finalists", "1", "--finalist-epochs", "12"]
    effort += ["--final-seeds", "1"]
    where = ["--runs-dir", str(tmp_path / "runs"), "--name", "run"]
    return [sys.executable, "-m", "nas", "search", *noise_flags(tmp_path), *effort, *where]


def stopped(command: list[str], when: Callable[[], bool], how: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Run a command and send it a signal as soon as `when` holds; Ctrl-C reaches all processes of a terminal."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_ctrl_c,
    )
    deadline = time.monotonic() + 400
    while process.poll() is None and not when() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    out, err = process.communicate(timeout=400)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _heed_ctrl_c() -> None:
    """What a shell starts in the background, these tests perhaps, ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finished(run: Path) -> list[str]:
    path = run / "candidates.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["digest"] for line in lines if line.endswith("}") and '"complete"' in line]


@pytest.mark.slow
def test_stopped_in_every_stage_and_continued(command: list[str], tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    resume = [sys.executable, "-m", "nas", "search", "--resume", str(run)]
    inline = [*command, "--ray-address", "inline"]

    training = stopped(inline, lambda: any((tmp_path / "runs").glob(".supernets/*.state")), signal.SIGINT)
    assert training.returncode == 130
    assert f"--resume {run}" in training.stderr
    assert "Traceback" not in training.stderr

    searching = stopped(resume, lambda: len(finished(run)) >= 3, signal.SIGKILL)
    assert searching.returncode == -signal.SIGKILL
    kept = finished(run)
    assert len(kept) >= 3

    finals = stopped(resume, lambda: any(run.glob("finalists/*.state")), signal.SIGTERM)
    assert finals.returncode == 143
    assert f"--resume {run}" in finals.stderr
    assert finished(run)[: len(kept)] == kept

    done = subprocess.run(inline, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    assert len(finished(run)) == len(set(finished(run))) == 12
    assert json.loads((run / "result.json").read_text())["counts"]["evaluated"] == 12


@pytest.mark.slow
def test_stopped_while_ray_evaluates(command: list[str], tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    once = stopped([*command, "--workers", "1"], lambda: len(finished(run)) >= 2, signal.SIGINT)
    assert once.returncode == 130, once.stderr
    assert f"--resume {run}" in once.stderr
    assert "Ctrl-C again stops now" in once.stdout
    asked = [json.loads(line)["digest"] for line in (run / "asked.jsonl").read_text().splitlines()]
    kept = finished(run)
    assert kept[-1] == asked[-1]  # what ran was finished

    resume = [sys.executable, "-m", "nas", "search", "--resume", str(run)]
    terminated = stopped(resume, lambda: len(finished(run)) > len(kept), signal.SIGTERM)
    assert terminated.returncode == 143, terminated.stderr
    assert f"--resume {run}" in terminated.stderr
    assert "Traceback" not in terminated.stderr

    done = subprocess.run(
        [*resume, "--ray-address", "inline"], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    assert finished(run)[: len(kept)] == kept
    assert len(set(finished(run))) == 12
