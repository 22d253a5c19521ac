"""How few evaluations find how good a network? Samplers on NAS-Bench-201, whose every accuracy is known.

    NAS_BENCH_DATA=/path/to/data python -m benchmarks.search                      best accuracy, no limit
    NAS_BENCH_DATA=/path/to/data python -m benchmarks.search --device hwnb_edgetpu    under a measured latency

The search sees the validation accuracy after 12 epochs; what it found best is scored by the test accuracy after 200
epochs, mean of several trainings. With a device, only cells that were measured on it may be proposed (as with
``nas search --evaluator table``), and the limit is a quantile of their latencies: reported are the regret (validation
accuracy of the best feasible cell less that of the best found) and, with few MACs as second goal, the hypervolume, in
% of that of all feasible cells.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.flat import FlatSpace, Point
from benchmarks.table201 import Ops, Table, cell, cells_space, operators, read_table
from nas import pareto
from nas.errors import UserError
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints, Metrics
from nas.search.samplers import SAMPLERS, Listed
from nas.search.study import Study

DATA_SETS = ("cifar10", "cifar100")
QUANTILES = (0.25, 0.5, 0.75)
FLOOR = 0.5  # accuracy from which the hypervolume counts, as a fraction; below it nothing was learnt


@dataclass(frozen=True)
class Problem:
    """Cells, their costs and accuracies.

    Attributes:
        table: all that is known.
        space: where to search.
        latencies_ms: of the cells that count; None if all count.
        data_set: whose accuracies.
        limit_ms: what a cell may take.
    """

    table: Table
    space: FlatSpace
    data_set: str
    latencies_ms: dict[Ops, float] | None = None
    limit_ms: float | None = None

    def cost(self, point: Point) -> Metrics:
        """Return what a cell costs; one that was not measured takes infinitely long."""
        ops = operators(point)
        latency_ms = 0.0 if self.latencies_ms is None else self.latencies_ms.get(ops, math.inf)
        return self.table.metrics(ops, latency_ms)

    def listed(self) -> Listed | None:
        """Return the cells that may be proposed, None if all may."""
        if self.latencies_ms is None:
            return None
        members: Any = tuple(cell(ops) for ops in self.latencies_ms)
        return Listed(frozenset(point.digest for point in members), members)

    def accuracy(self, ops: Ops) -> float:
        """Return what the search sees, in [0, 1]."""
        return self.table.rows[ops][f"acc12_{self.data_set}_val"] / 100

    def score(self, ops: Ops) -> float:
        """Return what counts in the end, in %."""
        return self.table.rows[ops][f"acc200_{self.data_set}_test"]

    def best(self, cells: Sequence[Ops]) -> Ops:
        """Return the best by what the search sees; of two equal ones, that with more MACs.

        It matters: the two best cells of all on CIFAR-100 are equal by validation, and 0.8 points apart by test.
        """
        return max(cells, key=lambda ops: (self.accuracy(ops), self.table.metrics(ops).macs))

    def feasible(self) -> list[Ops]:
        """Return every cell within the limit."""
        if self.latencies_ms is None or self.limit_ms is None:
            return list(self.table.rows)
        return [ops for ops, ms in self.latencies_ms.items() if ms <= self.limit_ms]

    def points(self, cells: Sequence[Ops]) -> list[pareto.Point]:
        """Return accuracy and MACs of cells."""
        return [(self.accuracy(ops), float(self.table.metrics(ops).macs)) for ops in cells]


def search(problem: Problem, sampler: str, seed: int, evaluations: int, *, macs_count: bool = False) -> list[Ops]:
    """Return the cells that a search evaluated, in order."""
    space: Any = problem.space
    study = Study(
        space,
        Constraints(latency_ms=problem.limit_ms),
        problem.cost,  # type: ignore[arg-type]
        sampler_name=sampler,
        seed=seed,
        macs_count=macs_count,
        only=problem.listed(),
    )
    while study.counts.evaluated < evaluations and (candidate := study.ask()) is not None:
        point: Any = candidate.architecture
        study.tell(candidate, Evaluation(problem.accuracy(operators(point)), None, 0.0))
    found: list[Any] = [c.architecture for c in study.candidates if c.state == "complete"]
    return [operators(point) for point in found]


def limited(base: Problem) -> Iterator[Problem]:
    """Yield a problem under each quantile of the latencies of its cells."""
    assert base.latencies_ms is not None
    for q in QUANTILES:
        yield replace(base, limit_ms=float(np.quantile(list(base.latencies_ms.values()), q)))


def best_accuracy(table: Table, samplers: Sequence[str], seeds: int, evaluations: int) -> None:
    """Print the mean test accuracy of what each sampler found best."""
    problems = [Problem(table, cells_space(), data_set) for data_set in DATA_SETS]
    print(f"\nBest accuracy: {evaluations} evaluations, {seeds} seeds; test accuracy in %, mean (standard deviation)")
    print("| sampler | CIFAR-10 | CIFAR-100 | ms per evaluation |\n|---|---|---|---|")
    for name in samplers:
        start = time.process_time()
        cells = []
        for problem in problems:
            scores = [problem.score(problem.best(search(problem, name, seed, evaluations))) for seed in range(seeds)]
            cells.append(f"{statistics.mean(scores):.2f} ({statistics.pstdev(scores):.2f})")
        ms = 1000 * (time.process_time() - start) / (len(problems) * seeds * evaluations)
        print(f"| {name} | {' | '.join(cells)} | {ms:.1f} |", flush=True)
    ceilings = [problem.score(problem.best(list(table.rows))) for problem in problems]
    print(f"| the best of all cells | {' | '.join(f'{c:.2f}' for c in ceilings)} | |")


def under_limit(table: Table, device: str, samplers: Sequence[str], seeds: int, evaluations: int) -> None:
    """Print regret and hypervolume of each sampler under quantiles of the measured latencies."""
    latencies_ms = table.latencies_ms(device)
    base = Problem(table, cells_space(), "cifar10", latencies_ms)
    steps = (evaluations, 3 * evaluations)
    print(
        f"\n{device}, {len(latencies_ms)} cells: {seeds} seeds; regret in points of validation accuracy after "
        f"{evaluations} evaluations, hypervolume in % after {steps[0]} and {steps[1]}; mean (standard deviation)"
    )
    heads = [f"{what} {q:.0%}" for q in QUANTILES for what in ("regret", *(f"volume {n}" for n in steps))]
    print(f"| sampler | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for name in samplers:
        cells: list[str] = []
        for problem in limited(base):
            cells += _limited(problem, name, seeds, steps)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _limited(problem: Problem, name: str, seeds: int, steps: Sequence[int]) -> list[str]:
    feasible = problem.feasible()
    best = max(problem.accuracy(ops) for ops in feasible)
    points = problem.points(feasible)
    reference = (FLOOR, max(macs for _, macs in points) + 1)
    volume = pareto.hypervolume(points, reference)
    regrets, shares = [], []
    for seed in range(seeds):
        found = search(problem, name, seed, steps[0])
        regrets.append(100 * (best - max(problem.accuracy(ops) for ops in found)))
        both = problem.points(search(problem, name, seed, steps[-1], macs_count=True))
        shares.append([100 * pareto.hypervolume(both[:n], reference) / volume for n in steps])
    return [
        f"{statistics.mean(regrets):.2f} ({statistics.pstdev(regrets):.2f})",
        *(f"{statistics.mean(column):.1f} ({statistics.pstdev(column):.1f})" for column in zip(*shares, strict=True)),
    ]


def main() -> int:
    """Compare the samplers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", metavar="COLUMN", help="search under latencies measured on it, e.g. hwnb_edgetpu")
    parser.add_argument("--samplers", nargs="+", choices=tuple(SAMPLERS), default=tuple(SAMPLERS), metavar="NAME")
    parser.add_argument("--seeds", type=int, help="searches per sampler (default 30; with a device 10)")
    parser.add_argument("--evaluations", type=int, help="of each search (default 150; with a device 50)")
    options = parser.parse_args()
    try:
        table = read_table()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if options.device is None:
        best_accuracy(table, options.samplers, options.seeds or 30, options.evaluations or 150)
    else:
        under_limit(table, options.device, options.samplers, options.seeds or 10, options.evaluations or 50)
    return 0


if __name__ == "__main__":
    sys.exit(main())
