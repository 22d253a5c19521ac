"""Killing a process again and again, and what has to hold afterwards."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SMALL_SEARCH = Path(__file__).with_name("small_search.py")
LONGEST_S = 600
STAGES = ("", "supernet", "search", "finalists", "export")  # the first before any other


@dataclass
class Tally:
    """What a series of kills came to."""

    searches: int = 0
    kills: int = 0
    lost: int = 0
    evaluated_again: int = 0
    differing: int = 0
    stages: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.lost == self.evaluated_again == self.differing == 0


def run_to_end(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, done.stderr


def killed(command: Sequence[str], after_s: float, when: Callable[[int], bool] = lambda _: True) -> bool:
    """Run a command and kill it so many seconds after `when` holds of its process; False if it ended before."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    while process.poll() is None and not when(process.pid):
        time.sleep(0.02)
    try:
        process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, "it failed by itself"
    return False


def lines(path: Path) -> list[dict]:
    """Return the whole lines of a JSON-lines file, as they stand after a kill."""
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def finished(run: Path) -> dict[int, dict]:
    return {c["number"]: c for c in lines(run / "candidates.jsonl")}


def outcome(run: Path) -> list[tuple]:
    """What has to be equal in the end: every candidate, in the order of finishing, but for how long it took."""
    keys = ("number", "digest", "source", "state", "metrics", "error", "search")
    return [tuple(json.dumps(c[key], sort_keys=True) for key in keys) for c in lines(run / "candidates.jsonl")]


def kill_small_searches(folder: Path, kills: int, seed: int, evaluations: int = 40, say: Callable = print) -> Tally:
    """Kill small searches at random moments until there were so many kills; each is run to its end."""
    rng, tally = random.Random(seed), Tally()
    samplers = ("evolution", "nsga2", "local", "random", "tpe", "surrogate")
    while tally.kills < kills:
        sampler, name = samplers[tally.searches % len(samplers)], str(tally.searches)
        one = [sys.executable, str(SMALL_SEARCH)]
        start = time.perf_counter()
        run_to_end([*one, str(folder / "undisturbed"), name, sampler, str(evaluations)])
        whole_s = time.perf_counter() - start
        run, command = folder / "killed" / name, [*one, str(folder / "killed"), name, sampler, str(evaluations)]
        before: dict[int, dict] = {}
        ended = False
        while not ended:
            noted = len(_noted(run))
            ended = tally.kills >= kills or not _killed_somewhere(command, run, rng, whole_s)
            if ended and not (run / "end.json").exists():
                run_to_end(command)
            tally.kills += not ended
            now = finished(run)
            tally.lost += sum(now.get(number) != candidate for number, candidate in before.items())
            told = {c["digest"] for c in before.values()}
            tally.evaluated_again += sum(digest in told for digest in _noted(run)[noted:])
            before = now
        tally.differing += outcome(run) != outcome(folder / "undisturbed" / name)
        tally.searches += 1
        say(f"search {name} ({sampler}, {whole_s:.1f} s): {tally}")
    return tally


def whole_search(folder: Path, *more: str) -> list[str]:
    """Return a command that searches small random images from supernet to report, but for --runs-dir."""
    from tests.small_run import noise_flags

    effort = ["--supernet-epochs", "6", "--evaluations", "24", "--finalists", "2", "--finalist-epochs", "4"]
    where = [*(more or ("--ray-address", "inline")), "--name", "run", "--device", "cpu"]
    return [sys.executable, "-m", "nas", "search", *noise_flags(folder), *effort, *where]


def kill_whole_searches(folder: Path, kills: int, seed: int, *more: str, say: Callable = print) -> Tally:
    """Kill `nas search` at random moments of all its stages; the same command again has to go on."""
    rng, tally = random.Random(seed), Tally()
    command = whole_search(folder, *more)
    start = time.perf_counter()
    run_to_end([*command, "--runs-dir", str(folder / "undisturbed")])
    whole_s = time.perf_counter() - start
    while tally.kills < kills:
        runs_dir = folder / f"killed-{tally.searches}"
        run, again = runs_dir / "run", [*command, "--runs-dir", str(runs_dir)]
        before: dict[int, dict] = {}
        ended = False
        while not ended:
            stage = rng.choice(STAGES[STAGES.index(_stage(run) or "") :])
            after_s = rng.uniform(0, 0.02 * whole_s)
            ended = tally.kills >= kills or not killed(again, after_s, lambda pid: _stage(run, pid) == stage)  # noqa: B023
            if not ended:
                tally.kills += 1
                tally.stages.append(_stage(run) or "begin")
            now = finished(run)
            tally.lost += sum(now.get(number) != candidate for number, candidate in before.items())
            before = now
        if tally.kills >= kills:
            run_to_end(again)
        tally.differing += _whole_outcome(run) != _whole_outcome(folder / "undisturbed" / "run")
        tally.searches += 1
        say(f"search {tally.searches} ({whole_s:.0f} s): {tally}")
    return tally


def _stage(run: Path, pid: int | None = None) -> str | None:
    """Say what a run is at, or was when it was killed; None if that is of another process than `pid`."""
    progress = run / "progress.json"
    standing = json.loads(progress.read_text()) if progress.exists() else {"pid": pid, "stage": ""}
    return standing["stage"] if pid in (None, standing["pid"]) else None


def _whole_outcome(run: Path) -> tuple:
    result = json.loads((run / "result.json").read_text())
    return outcome(run), result["winner"], result["front"], (run / "winner" / "model.safetensors").read_bytes()


def _killed_somewhere(command: Sequence[str], run: Path, rng: random.Random, whole_s: float) -> bool:
    """Kill a small search at a random moment: one in four while it starts, else after a few more evaluations."""
    if rng.random() < 0.25:
        return killed(command, rng.uniform(0.1 * whole_s, 0.8 * whole_s))
    after = len(_noted(run)) + rng.randint(1, 10)
    return killed(command, rng.uniform(0, 0.04), lambda _: len(_noted(run)) >= after)


def _noted(run: Path) -> list[str]:
    path = run / "evaluated.txt"
    return path.read_text().splitlines() if path.exists() else []
