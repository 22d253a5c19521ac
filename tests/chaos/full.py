"""The full part, `make chaos`: fails if anything is lost, evaluated again or differs."""

# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.kills import Tally, kill_small_searches, kill_whole_searches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of small searches")
    parser.add_argument("--whole", type=int, default=20, help="of whole searches, from supernet to report")
    parser.add_argument("--ray", type=int, default=5, help="of whole searches with one worker of Ray")
    parser.add_argument("--nodes", type=int, default=4, help="of a cluster that loses one")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    clean = True
    with tempfile.TemporaryDirectory() as folder:
        for what, kills, series in (
            ("small searches", chosen.kills, lambda at, n: kill_small_searches(at, n, chosen.seed)),
            ("whole searches", chosen.whole, lambda at, n: kill_whole_searches(at, n, chosen.seed)),
            (
                "whole searches, Ray",
                chosen.ray,
                lambda at, n: kill_whole_searches(at, n, chosen.seed, "--workers", "1"),
            ),
        ):
            if kills:
                clean &= _told(what, series, Path(tempfile.mkdtemp(dir=folder)), kills)
    if chosen.nodes:
        clean &= _node_lost(chosen.nodes)
    return 0 if clean else 1


def _node_lost(nodes: int) -> bool:
    command = [sys.executable, "-m", "tests.chaos.nodes", str(nodes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    came = json.loads(done.stdout.splitlines()[-1])  # Ray's own lines come before
    print(f"one of {nodes} nodes killed: {came}", flush=True)
    accounted = came["twice_on_record"] == came["begun_and_not_told"] == came["pending"] == 0
    return accounted and came["outcome"] == "finished" and came["evaluated"] + came["failed"] == 24


def _told(what: str, series, folder: Path, kills: int) -> bool:
    start = time.perf_counter()
    tally: Tally = series(folder, kills)
    stages = ", ".join(f"{name} {tally.stages.count(name)}" for name in sorted(set(tally.stages)))
    print(
        f"{what}: {tally.kills} kills in {tally.searches} searches, {tally.lost} finished candidates lost, "
        f"{tally.evaluated_again} evaluated again, {tally.differing} runs that differ from the undisturbed one; "
        f"{time.perf_counter() - start:.0f} s" + (f"; killed in: {stages}" if stages else ""),
        flush=True,
    )
    return tally.clean


if __name__ == "__main__":
    sys.exit(main())
