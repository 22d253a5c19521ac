"""The full part, `make chaos`: fails if anything is lost, evaluated again or differs."""

# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kills import Tally, kill_small_searches, kill_whole_searches  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of small searches")
    parser.add_argument("--whole", type=int, default=20, help="of whole searches, from supernet to report")
    parser.add_argument("--ray", type=int, default=5, help="of whole searches with one worker of Ray")
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
    return 0 if clean else 1


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
