"""Two whole searches on one study at once: python -m tests.chaos.shared [sqlite|postgres|mysql|redis ...].

Both are `nas search --smoke` as a user starts them, with a run each. Prints what each evaluated, by the database.
"""

# ruff: noqa: T201 - this is a command

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from nas.search.study_url import PASSWORD, open_storage, read_url
from tests.search import databases

NAMES = ("first", "second")
EVALUATIONS = 24


def place(kind: str, folder: Path) -> AbstractContextManager[str]:
    if kind == "sqlite":
        return nullcontext(str(folder / "study.db"))
    server: AbstractContextManager[str] = getattr(databases, kind)()
    return server


def searches(url: str, folder: Path) -> None:
    """Run both to their ends."""
    flags = ["--target", "jetson-orin", "--smoke", "--ray-address", "inline", "--device", "cpu", "--no-measure"]
    effort = ["--evaluations", str(EVALUATIONS), "--finalists", "1"]
    command = [sys.executable, "-m", "nas", "search", *flags, *effort, "--study-storage", url]
    both = [
        subprocess.Popen(
            [*command, "--runs-dir", str(folder / name), "--name", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for name in NAMES
    ]
    for process in both:
        _, err = process.communicate(timeout=900)
        assert process.returncode == 0, err.decode()


def main(kind: str) -> dict:
    os.environ[PASSWORD] = databases.PASSWORD
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name, place(kind, Path(name)) as url:
        folder = Path(name)
        searches(url, folder)
        storage = open_storage(read_url(url))
        (study,) = storage.get_all_studies()
        told = [t for t in storage.get_all_trials(study._study_id) if t.state.name in ("COMPLETE", "FAIL")]
        times = Counter(t.user_attrs["digest"] for t in told)
        runs = [folder / run / run for run in NAMES]
        known = [_known(run) for run in runs]
        return {
            "kind": kind,
            "seconds": round(time.perf_counter() - start, 1),
            "evaluated": len(told),
            "twice": sum(count > 1 for count in times.values()),
            "by_each": sorted(Counter(t.user_attrs["owner"].rpartition("/")[2] for t in told).items()),
            "known_to_each": [len(digests) for digests in known],
            "known_and_not_evaluated": len((known[0] | known[1]) - times.keys()),
            "winners": [json.loads((run / "result.json").read_text())["winner"]["name"] for run in runs],
        }


def _known(run: Path) -> set[str]:
    records = map(json.loads, (run / "candidates.jsonl").read_text().splitlines())
    return {record["digest"] for record in records if record["state"] in ("complete", "failed")}


if __name__ == "__main__":
    right = True
    for wanted in sys.argv[1:] or ["sqlite", "postgres", "mysql", "redis"]:
        try:
            came = main(wanted)
        except pytest.skip.Exception as absent:
            print(f"{wanted}: {absent}", flush=True)
            continue
        print(json.dumps(came), flush=True)
        right &= came["twice"] == came["known_and_not_evaluated"] == 0 and min(came["known_to_each"]) >= EVALUATIONS
    sys.exit(0 if right else 1)
