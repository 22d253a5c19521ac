"""How far could any surrogate get? Searches by a model that already knows the accuracies of nine tenths of the cells.

    NAS_BENCH_DATA=/path/to/data python -m benchmarks.informed

The yardstick for `benchmarks.search --device`: what such a model does not reach in 50 evaluations is out of reach of a
search that knows nothing at first. Feasible cells are dealt to ten parts; what is expected of each part is
predicted from the other nine, by the sampler's Gaussian process and by its forest. The cheapest cell comes first, then
always the one with the highest expected gain in hypervolume.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.search import DATA_SETS, FLOOR, Problem, limited
from benchmarks.table201 import Ops, Table, cell, cells_space, read_table
from nas import pareto
from nas.errors import UserError
from nas.search.objective import Constraints
from nas.search.samplers.encoding import Array
from nas.search.samplers.forest import Forest
from nas.search.samplers.gain import expected_gain
from nas.search.samplers.gaussian import GaussianProcess
from nas.search.samplers.surrogate import stretched
from nas.search.samplers.task import Task

DEVICES = ("hwnb_jetson_tx2", "hwnb_edgetpu", "nnmeter_pixel4_a76cpu")
EVALUATIONS = 50
FLOORS = {"cifar10": FLOOR, "cifar100": 0.2}  # accuracy from which the hypervolume counts
PARTS = 10
MODELS = ("gaussian process", "forest")


def predictions(model: str, answers: Array, features: Array, values: Array, questions: int) -> tuple[Array, Array]:
    """Return expected value and deviation of each row (N,), from the rows of the other parts."""
    mean, deviation = np.zeros(len(values)), np.zeros(len(values))
    part = np.random.default_rng(0).permutation(len(values)) % PARTS
    for number in range(PARTS):
        known, left = part != number, part == number
        if model == "forest":
            forest = Forest(features[known], values[known])
            mean[left], deviation[left] = forest.predict(features[left])
            deviation[left] += 1e-6
        else:
            fitted = GaussianProcess(answers[known], values[known], questions)
            mean[left], deviation[left] = fitted.predict(answers[left])
    return mean, deviation


def informed(problem: Problem, model: str) -> tuple[float, float]:
    """Return hypervolume in % of that of all feasible cells, and regret in points, of an informed search."""
    cells = problem.feasible()
    points = problem.points(cells)
    values = stretched(np.array([accuracy for accuracy, _ in points]))
    macs = np.array([cost for _, cost in points])
    rows = _features(problem, cells)
    mean, deviation = predictions(model, *rows, values, len(problem.space.parameters))
    chosen = [int(np.argmin(macs))]
    while len(chosen) < EVALUATIONS:
        rest = np.setdiff1d(np.arange(len(cells)), chosen)
        known = [(float(values[i]), float(macs[i])) for i in chosen]
        gain = expected_gain(mean[rest], deviation[rest], macs[rest], known, float(macs.max()))
        chosen.append(int(rest[np.argmax(gain)]))
    found = [points[i] for i in chosen]
    reference = (FLOORS[problem.data_set], float(macs.max()) + 1)
    share = pareto.hypervolume(found, reference) / pareto.hypervolume(points, reference)
    return 100 * share, 100 * (max(a for a, _ in points) - max(a for a, _ in found))


def _features(problem: Problem, cells: list[Ops]) -> tuple[Array, Array]:
    """Return encoded answers, and those with costs."""
    space: Any = problem.space
    cost: Any = problem.cost
    task = Task(space, cost, Constraints())
    points = [task.place(dict(cell(ops).answers)) for ops in cells]
    return np.array([p.answers for p in points]), np.array([p.features for p in points])


def _problems(table: Table, data_set: str) -> Iterator[Problem]:
    for device in DEVICES:
        yield from limited(Problem(table, cells_space(), data_set, table.latencies_ms(device)))


def main() -> int:
    """Print what informed searches reach, over nine limits."""
    try:
        table = read_table()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    heads = ("model", "data set", f"hypervolume after {EVALUATIONS}, %", "the worst of nine", "regret, points")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for model in MODELS:
        for data_set in DATA_SETS:
            shares, regrets = zip(*(informed(problem, model) for problem in _problems(table, data_set)), strict=True)
            row = (f"{statistics.mean(shares):.2f}", f"{min(shares):.2f}", f"{statistics.mean(regrets):.2f}")
            print(f"| {model} | {data_set} | {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
