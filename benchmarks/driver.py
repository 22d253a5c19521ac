"""What a candidate costs the driver, when evaluating it costs nothing: time to ask and to tell, and memory.

Times are of this process on a CPU, so that other work on the machine does not count; the last line has wall time too.

Run: ``python -m benchmarks.driver [--candidates 5000] [--sampler evolution]``. The study is a real one in a run
directory (every candidate is on disk, the journal is written), space and target are real, an evaluation is a formula.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.runs import RunDirectory
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints
from nas.search.samplers import DEFAULT
from nas.search.study import Study
from nas.search.target import derive_latency_ms, load_target, sample_metrics, search_field
from nas.space.space import load_space

WINDOW = 50  # asks that a figure is the median of
PAGE_BYTES = resource.getpagesize()


@dataclass
class Log:
    """CPU seconds of every ask and tell, resident memory after every candidate, and the wall time of them all."""

    ask_s: list[float] = field(default_factory=list)
    tell_s: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    wall_s: float = 0.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=5000)
    parser.add_argument("--sampler", default=DEFAULT)
    parser.add_argument("--space", default="tiny-hybrid")
    parser.add_argument("--target", default="jetson-orin")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = drive(Path(folder), arguments.space, arguments.target, arguments.sampler, arguments.candidates)
    for line in table(log):
        print(line)


def drive(folder: Path, space: str, target: str, sampler: str, candidates: int) -> Log:
    """Run a study to so many evaluated candidates."""
    device = load_target(target)
    where = search_field(load_space(space).for_classes(10), device)
    limits = Constraints(latency_ms=derive_latency_ms(sample_metrics(where.restriction.space, device)))
    log, began = Log(), time.perf_counter()
    with RunDirectory.create(folder, "driver") as run:
        study = Study(
            where.restriction.space, limits, device.metrics, sampler_name=sampler, run_dir=run, seeds=where.seeds
        )
        for _ in range(candidates):
            started = time.process_time()
            candidate = study.ask()
            asked = time.process_time()
            if candidate is None:
                break
            accuracy = 1 - 1 / (1 + candidate.metrics.params**0.3) - int(candidate.digest[:4], 16) / 1e6
            study.tell(candidate, Evaluation(accuracy, None, 0.0))
            log.ask_s.append(asked - started)
            log.tell_s.append(time.process_time() - asked)
            log.resident_bytes.append(resident_bytes())
    log.wall_s = time.perf_counter() - began
    return log


def resident_bytes() -> int:
    """Return the memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def table(log: Log) -> list[str]:
    """Return the lines of the table."""
    total_s = sum(log.ask_s) + sum(log.tell_s)
    lines = ["| candidate | ask, ms | tell, ms | memory, MB |", "|---|---|---|---|"]
    for number in (100, 500, 1000, 2500, 5000):
        if number <= len(log.ask_s):
            at = slice(number - WINDOW, number)
            figures = f"{_ms(log.ask_s[at])} | {_ms(log.tell_s[at])} | {log.resident_bytes[number - 1] / 1e6:.0f}"
            lines.append(f"| {number} | {figures} |")
    each = [f"{1000 * seconds / len(log.ask_s):.1f}" for seconds in (total_s, log.wall_s)]
    return [*lines, f"{len(log.ask_s)} candidates: ask and tell take {each[0]} ms of CPU each, {each[1]} ms in all"]


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f}"


if __name__ == "__main__":
    main()
