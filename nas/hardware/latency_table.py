"""A user's table of measured latencies, read from CSV with every problem named by its line.

Columns: ``network,latency_ms`` and, where wanted, ``resolution``.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.errors import UserError, nearest

COLUMNS = ("network", "latency_ms", "resolution")
NEEDED = COLUMNS[:2]
LEAST_ROWS = 5
MOST_ROWS = 1000
AGREEMENT = 1.1  # two measurements of one network may differ by this factor
_BATCHES = (8, 16, 32, 64)
_BATCH_CLOSENESS = 1.15
_UNIT_CLOSENESS = 30.0  # a device may be this much off its profile; a unit is off by a thousand
_STEADY = 0.25  # spread of the logarithms of measured / predicted that one common factor explains


@dataclass(frozen=True, slots=True)
class Row:
    """One measured network; `line` is where it stands in the file."""

    line: int
    network: str
    latency_ms: float
    resolution: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that can be read, and what is wrong with the others."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Read a file of latencies; problems are collected, not raised, so that the caller may add its own.

    Raises:
        UserError: if the file cannot be read at all, or has not the columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    _check_columns(path, [name.strip() for name in reader.fieldnames or ()])
    rows, problems, lines = [], [], 0
    for record in reader:
        lines += 1
        values = {str(key).strip(): (value or "").strip() for key, value in record.items() if isinstance(value, str)}
        row, wrong = _read_row(values, reader.line_num)
        problems += [f"line {reader.line_num}: {what}" for what in wrong]
        if row is not None:
            rows.append(row)
    problems += _problems_together(rows)
    if lines < LEAST_ROWS:
        problems.append(f"{lines} rows, at least {LEAST_ROWS} are needed to correct a profile")
    if lines > MOST_ROWS:
        problems.append(f"{lines} rows, at most {MOST_ROWS} are taken")
    return Table(tuple(rows), tuple(problems))


def suspicions(measured_ms: Sequence[float], predicted_ms: Sequence[float]) -> list[str]:
    """Say what speaks for a wrong unit or a batch of images: measurements a common factor off the predictions."""
    logs = [math.log(m / p) for m, p in zip(measured_ms, predicted_ms, strict=True)]
    middle = statistics.median(logs)
    factor = math.exp(middle)
    found = []
    for unit, scale in (("seconds", 1e-3), ("microseconds", 1e3)):
        if scale / _UNIT_CLOSENESS < factor < scale * _UNIT_CLOSENESS:
            found.append(f"the latencies are {factor:.2g} times the predicted ones: are they in {unit}?")
    steady = statistics.median(abs(value - middle) for value in logs) < _STEADY
    for batch in _BATCHES:
        if steady and not found and batch / _BATCH_CLOSENESS < factor < batch * _BATCH_CLOSENESS:
            found.append(
                f"all latencies are about {factor:.1f} times the predicted ones: "
                f"is this the time of a batch of {batch} images? It has to be of one"
            )
    return found


def merged(rows: Sequence[Row]) -> list[Row]:
    """Return one row a network and resolution: the geometric mean where it was measured more than once."""
    groups: dict[tuple[str, int | None], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.network, row.resolution].append(row)
    return [
        Row(group[0].line, network, statistics.geometric_mean(row.latency_ms for row in group), resolution)
        for (network, resolution), group in groups.items()
    ]


def _check_columns(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if not missing and not unknown:
        return
    hints = [f"column {name!r} is missing" for name in missing]
    for name in unknown:
        close = nearest(name, COLUMNS)
        hints.append(f"unknown column {name!r}" + (f"; did you mean {close!r}?" if close else ""))
    raise UserError(f"{path}: {'; '.join(hints)}; the first line has to be: {','.join(COLUMNS)}")


def _read_row(values: dict[str, str], line: int) -> tuple[Row | None, list[str]]:
    wrong = []
    network, latency_ms, resolution = values.get("network", ""), math.nan, None
    if not network:
        wrong.append("no network is named")
    text = values.get("latency_ms", "")
    try:
        latency_ms = float(text)
    except ValueError:
        wrong.append(f"latency_ms {text!r} is not a number")
    else:
        if not 0 < latency_ms < math.inf:
            wrong.append(f"latency_ms {text} is not above 0")
    side = values.get("resolution", "")
    if side:
        if side.isdigit() and int(side) > 0:
            resolution = int(side)
        else:
            wrong.append(f"resolution {side!r} is not a whole number of pixels")
    return (None if wrong else Row(line, network, latency_ms, resolution)), wrong


def _problems_together(rows: Sequence[Row]) -> list[str]:
    """Return what only shows between rows: duplicates that disagree, and a column that never changes."""
    problems = []
    seen: dict[tuple[str, int | None], Row] = {}
    for row in rows:
        first = seen.setdefault((row.network, row.resolution), row)
        ratio = row.latency_ms / first.latency_ms
        if not 1 / AGREEMENT <= ratio <= AGREEMENT:
            problems.append(
                f"line {row.line}: {row.network} took {row.latency_ms:g} ms here and {first.latency_ms:g} ms in line "
                f"{first.line}; measure it again, or keep one"
            )
    if len(rows) >= LEAST_ROWS and len({row.latency_ms for row in rows}) == 1 and len(seen) > 1:
        problems.append(f"all latencies are {rows[0].latency_ms:g} ms: nothing can be learnt from a constant column")
    return problems
