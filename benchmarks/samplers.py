"""Which search algorithm? Hypervolume after 50, 100 and 200 evaluations under a latency constraint, over many seeds.

    python -m benchmarks.samplers --seeds 10
    NAS_BENCH_DATA=/path/to/data python -m benchmarks.samplers --problem cells

Two problems: `stages`, a made-up space of the usual shape (five stages of depth, width and kernel choices, accuracy
with interactions), and `cells`, the NAS-Bench-201 table with its measured accuracies; its latency is a linear model
of the operators, fitted on the networks that were measured on the device. The hypervolume is given as a share of
the best known one: all feasible cells, or everything that any run found.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.flat import FlatSpace, Point
from benchmarks.table201 import VARIABLE, Ops, cells_space, operators, read_table
from nas import pareto
from nas.search.evaluate import Evaluation
from nas.search.objective import Constraints, Metrics
from nas.search.samplers import SAMPLERS
from nas.search.study import Study

CHECKPOINTS = (50, 100, 200)
FEASIBLE_SHARE = 0.13


@dataclass
class Problem:
    """A space with costs and accuracies, and the hypervolume that is the best possible (None if unknown)."""

    space: FlatSpace
    constraints: Constraints
    cost: Callable[[Point], Metrics]
    accuracy: Callable[[Point], float]
    reference: pareto.Point
    best: float | None = None


def stages_problem(instance: int = 0) -> Problem:
    """Five stages of two to four blocks, each with a kernel and an expansion; made up, but of the usual shape."""
    parameters: dict[str, tuple[Any, ...]] = {}
    for s in range(5):
        parameters[f"s{s}.depth"] = (2, 3, 4)
        for b in range(4):
            parameters[f"s{s}.b{b}.kernel_size"] = (3, 5, 7)
            parameters[f"s{s}.b{b}.exp_ratio"] = (3, 4, 6)
    space = FlatSpace("stages", parameters, _stage_block_exists)
    # What each block's kernel and expansion are worth: another made-up task for each instance.
    worth = np.random.default_rng(instance).normal(1.0, 0.35, (5, 4, 2))

    def accuracy(point: Point) -> float:
        good, previous = 0.0, 0
        for s, b, kernel, ratio in _stage_blocks(point):
            good += worth[s, b, 0] * (kernel / 7) ** 0.6 * (1 if s > 1 else 0.6) + worth[s, b, 1] * (ratio / 6) ** 0.5
            good -= 0.4 * (previous == kernel == 7) + 0.15 * (previous not in (0, kernel))
            previous = kernel
        return 0.6 + 0.38 * (1 - float(np.exp(-max(good, 0.0) / 12)))

    rng = random.Random(0)
    drawn = [_stages_cost(space.sample(rng)) for _ in range(2000)]
    limit = float(np.quantile([m.latency_ms for m in drawn], FEASIBLE_SHARE))
    ceiling = max(m.macs for m in drawn if m.latency_ms <= limit)
    floor = accuracy(space.smallest())
    return Problem(space, Constraints(latency_ms=limit), _stages_cost, accuracy, (floor, float(ceiling)))


def _stage_block_exists(name: str, params: Mapping[str, Any]) -> bool:
    stage, _, block = name.partition(".")
    return block == "depth" or int(block[1]) < params[f"{stage}.depth"]


def _stage_blocks(point: Point) -> Iterable[tuple[int, int, int, int]]:
    answers = point.to_dict()
    for s in range(5):
        for b in range(answers[f"s{s}.depth"]):
            yield s, b, answers[f"s{s}.b{b}.kernel_size"], answers[f"s{s}.b{b}.exp_ratio"]


def _stages_cost(point: Point) -> Metrics:
    macs = latency_ms = 0.0
    for s, _, kernel, ratio in _stage_blocks(point):
        macs += 1e6 * ratio * (4 + s + 0.08 * kernel**2 * (5 - s))
        latency_ms += 0.05 + 0.01 * ratio * (1.5 if s < 2 else 1.0) + 0.002 * kernel**2 * (1 + 0.3 * s)
    return Metrics(int(macs), int(macs / 50), latency_ms, 0)


def cells_problem(device: str = "nnmeter_pixel4_a76cpu") -> Problem:
    """NAS-Bench-201: six edges with five operators, accuracies after 12 epochs on CIFAR-10 (validation)."""
    table = read_table()

    def features(ops: Ops) -> list[float]:
        return [1.0, *(float(op == k) for op in ops for k in range(1, 5))]

    measured = table.latencies_ms(device)
    design = np.array([features(ops) for ops in measured])
    weights = np.linalg.lstsq(design, np.array(list(measured.values())), rcond=None)[0]
    accuracies = {ops: row["acc12_cifar10_val"] / 100 for ops, row in table.rows.items()}
    costs = {ops: table.metrics(ops, max(0.01, float(np.dot(features(ops), weights)))) for ops in table.rows}
    limit = float(np.quantile([m.latency_ms for m in costs.values()], FEASIBLE_SHARE))
    feasible = {ops: m for ops, m in costs.items() if m.latency_ms <= limit}
    reference = (0.5, float(max(m.macs for m in feasible.values())) + 1)
    best = pareto.hypervolume([(accuracies[o], float(m.macs)) for o, m in feasible.items()], reference)
    return Problem(
        cells_space(),
        Constraints(latency_ms=limit),
        lambda point: costs[operators(point)],
        lambda point: accuracies[operators(point)],
        reference,
        best,
    )


@dataclass
class Run:
    """What one search found."""

    points: list[pareto.Point]
    rejected: int
    seconds: float


def search(problem: Problem, sampler: str, seed: int) -> Run:
    """Search once, up to the last checkpoint or the end of the space."""
    space: Any = problem.space
    study = Study(space, problem.constraints, problem.cost, sampler_name=sampler, seed=seed)  # type: ignore[arg-type]
    start = time.process_time()
    while study.counts.evaluated < CHECKPOINTS[-1] and (candidate := study.ask()) is not None:
        point: Any = candidate.architecture
        study.tell(candidate, Evaluation(problem.accuracy(point), None, 0.0))
    seconds = time.process_time() - start
    complete = [c.metrics for c in study.candidates if c.state == "complete"]
    points = [(m.accuracy or 0.0, float(m.macs)) for m in complete]
    return Run(points, study.counts.infeasible + study.counts.duplicates, seconds)


def compare(problem: Problem, seeds: int, samplers: Sequence[str]) -> None:
    """Run samplers with every seed and print one table."""
    runs = {name: [search(problem, name, seed) for seed in range(seeds)] for name in samplers}
    everything = [p for found in runs.values() for run in found for p in run.points]
    best = problem.best or pareto.hypervolume(everything, problem.reference)
    print(
        f"\n{problem.space.name}: {seeds} seeds, latency <= {problem.constraints.latency_ms:.3g} ms "
        f"({FEASIBLE_SHARE:.0%} of random networks); hypervolume in % of the best known, mean (standard deviation)"
    )
    heads = [f"after {n}" for n in CHECKPOINTS]
    print("| sampler | " + " | ".join(heads) + " | best accuracy % | passed over per evaluation | ms per evaluation |")
    print("|" + "---|" * (len(heads) + 4))
    for name, found in runs.items():
        print(f"| {name} | " + " | ".join(_row(problem, found, best)) + " |")


def _row(problem: Problem, found: list[Run], best: float) -> Iterable[str]:
    for n in CHECKPOINTS:
        shares = [100 * pareto.hypervolume(run.points[:n], problem.reference) / best for run in found]
        yield f"{statistics.mean(shares):.1f} ({statistics.pstdev(shares):.1f})"
    yield f"{100 * statistics.mean(max(a for a, _ in run.points) for run in found):.2f}"
    evaluations = sum(len(run.points) for run in found)
    yield f"{sum(run.rejected for run in found) / evaluations:.2f}"
    yield f"{1000 * sum(run.seconds for run in found) / evaluations:.1f}"


def main() -> int:
    """Compare on the problems asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", choices=("stages", "cells", "all"), default="all")
    parser.add_argument("--instance", type=int, default=0, help="which made-up task of `stages` (default 0)")
    parser.add_argument("--seeds", type=int, default=10, help="searches per sampler (default 10)")
    parser.add_argument("--samplers", nargs="+", choices=tuple(SAMPLERS), default=tuple(SAMPLERS), metavar="NAME")
    options = parser.parse_args()
    if options.problem in ("stages", "all"):
        compare(stages_problem(options.instance), options.seeds, options.samplers)
    if options.problem in ("cells", "all"):
        if VARIABLE in os.environ:
            compare(cells_problem(), options.seeds, options.samplers)
        else:
            print("\ncells: skipped, NAS_BENCH_DATA is not set")
    return 0


if __name__ == "__main__":
    sys.exit(main())
