"""NAS-Bench-201 as a table: accuracies, MACs and latencies of 15,625 cells (Dong and Yang 2020, arXiv:2001.00326).

The data lie in the folder that the environment variable NAS_BENCH_DATA names.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.flat import FlatSpace, Point
from nas.errors import UserError
from nas.search.objective import Metrics

VARIABLE = "NAS_BENCH_DATA"
EDGES = tuple(f"op{i}" for i in range(6))
OPERATORS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
Ops = tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """What is known about every cell, by the operators of its six edges.

    Attributes:
        rows: the columns of the table of accuracies, and those of the table of latencies where a cell was measured.
        names: a cell's operators by its name.
    """

    rows: Mapping[Ops, Mapping[str, float]]

    def latencies_ms(self, device: str) -> dict[Ops, float]:
        """Return what was measured on a device."""
        return {ops: row[device] for ops, row in self.rows.items() if device in row}

    def metrics(self, ops: Ops, latency_ms: float = 0.0) -> Metrics:
        """Return what a cell costs."""
        row = self.rows[ops]
        return Metrics(int(row["flops_m"] * 1e6), int(row["params_m"] * 1e6), latency_ms, 0)


def folder() -> Path:
    """Return the folder of the data.

    Raises:
        UserError: if none is named.
    """
    if VARIABLE not in os.environ:
        raise UserError(f"{VARIABLE} is not set; it names the folder with nb201_accuracy.csv.gz")
    return Path(os.environ[VARIABLE])


def read_table() -> Table:
    """Read the table.

    Raises:
        UserError: if its folder is not named.
    """
    place = folder()
    accuracies = _rows(place / "nb201_accuracy.csv.gz")
    latencies = {row["arch_str"]: row for row in _rows(place / "nb201_latency.csv.gz")}
    rows: dict[Ops, dict[str, float]] = {}
    for row in accuracies:
        both = {**latencies.get(row["arch_str"], {}), **row}
        known = {name: float(value) for name, value in both.items() if name != "arch_str" and value}
        rows[tuple(int(row[edge]) for edge in EDGES)] = known
    return Table(rows)


def cells_space() -> FlatSpace:
    """Return the space of all cells: one operator on each of six edges."""
    return FlatSpace("cells", dict.fromkeys(EDGES, OPERATORS))


def operators(point: Point) -> Ops:
    """Return the operators of a cell."""
    return tuple(OPERATORS.index(value) for _, value in point.answers)


def cell(ops: Ops) -> Point:
    """Return the cell with these operators."""
    return Point(tuple(zip(EDGES, (OPERATORS[op] for op in ops), strict=True)))


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Evaluates cells by looking their accuracy up: a stand-in for training.

    Attributes:
        column: which accuracy, for example ``acc12_cifar10_val``.
    """

    column: str

    def build(self) -> TableEvaluator:
        """Read the table, in the process that will use it."""
        return TableEvaluator(read_table(), self.column)

    def packed(self) -> TableSpec:
        """Return itself: the data must be where the workers are."""
        return self


@dataclass(frozen=True, slots=True)
class TableEvaluator:
    """Looks up one column of the table."""

    table: Table
    column: str

    def evaluate(self, architecture: dict[str, Any]) -> float:
        """Return the accuracy, in [0, 1], of a cell."""
        ops = tuple(OPERATORS.index(architecture[edge]) for edge in EDGES)
        return self.table.rows[ops][self.column] / 100


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))
