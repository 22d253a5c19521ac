"""`table`: accuracies that are known beforehand, such as a tabular benchmark or the scores of an earlier search.

A CSV file has a column ``accuracy`` (0 to 1) and names each architecture by its answers (a column for every question of
the space: its name in ``nas spaces show``), by ``architecture`` (its JSON) or by ``digest``. ``candidates.jsonl`` of a
run is read too. What a table does not hold is never proposed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import UserError
from nas.search.evaluators.contract import Kind, Order, Setting

if TYPE_CHECKING:
    from nas.search.samplers.task import Listed
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Evaluates by looking up accuracies that are known beforehand, by architecture digest."""

    accuracies: Mapping[str, float]

    def build(self) -> TableEvaluator:
        """Make the evaluator."""
        return TableEvaluator(self.accuracies)

    def packed(self) -> TableSpec:
        """Return itself: the table is its content."""
        return self


@dataclass(frozen=True, slots=True)
class TableEvaluator:
    """Looks accuracies up."""

    accuracies: Mapping[str, float]

    def evaluate(self, architecture: dict[str, Any]) -> float:
        """Return the accuracy of the architecture that the plain data describe.

        Raises:
            UserError: if the table does not hold it.
        """
        from nas.space.architecture import Architecture

        digest = Architecture.from_dict(architecture).digest
        if digest not in self.accuracies:
            raise UserError(f"the table has no accuracy of architecture {digest}")
        return self.accuracies[digest]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: an accuracy and what it is of."""

    digest: str
    accuracy: float
    architecture: Architecture | None


def read_rows(path: Path, space: SearchSpace) -> list[Row]:
    """Read a table; of an architecture that stands in it twice, the last line counts.

    Raises:
        UserError: if the file is missing, or a line is not legal; says which.
    """
    documents = _candidates(path) if path.suffix == ".jsonl" else _lines(path)
    rows: dict[str, Row] = {}
    for number, document in documents:
        try:
            row = _row(document, space)
        except (KeyError, ValueError, TypeError, UserError) as error:
            problem = f"no column {error}" if isinstance(error, KeyError) else str(error)
            raise UserError(f"{path}, line {number}: {problem}") from None
        rows[row.digest] = row
    if not rows:
        raise UserError(f"{path}: holds no architecture with an accuracy")
    return list(rows.values())


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for document in reader:
            yield reader.line_num, document


def _candidates(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield what an earlier search scored."""
    for number, record in enumerate(runs.read_records(path), start=1):
        if record["state"] == "complete":
            yield number, {"accuracy": record["metrics"]["accuracy"], "architecture": record["architecture"]}


def _row(document: Mapping[str, Any], space: SearchSpace) -> Row:
    accuracy = float(document["accuracy"])
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be from 0 to 1, got {accuracy}")
    architecture = _architecture(document, space)
    return Row(document["digest"] if architecture is None else architecture.digest, accuracy, architecture)


def _architecture(document: Mapping[str, Any], space: SearchSpace) -> Architecture | None:
    """Return the architecture of a line; None where it is named by its digest alone."""
    from nas.space.architecture import Architecture

    given = document.get("architecture")
    if given:
        return Architecture.from_dict(json.loads(given) if isinstance(given, str) else given)
    if "digest" in document:
        return None
    return space.decode({name: _answer(document[name], values) for name, values in space.parameters.items()})


def _answer(text: str, values: tuple[Any, ...]) -> Any:
    """Return the choice that a cell of a table names, the text itself if none does."""
    return next((value for value in values if str(value) == text), text)


def spec(order: Order, setting: Setting) -> TableSpec:
    """Return the recipe: the table itself."""
    assert order.detail is not None
    return TableSpec({row.digest: row.accuracy for row in read_rows(Path(order.detail), setting.space)})


def listed(order: Order, space: SearchSpace, left: SearchSpace) -> Listed:
    """Return the architectures of `left`, the part of a space that a target can run, that a table holds.

    Raises:
        UserError: if it holds none of them.
    """
    from nas.search.samplers.task import Listed

    assert order.detail is not None
    rows = read_rows(Path(order.detail), space)
    found = [row.architecture for row in rows if row.architecture is not None]
    members = tuple(a for a in found if left.contains(a))
    if found and not members:
        raise UserError(
            f"{order.detail}: none of its {len(found)} architectures is one of {space.name!r} that the target can run"
        )
    nameless = {row.digest for row in rows if row.architecture is None}
    return Listed(frozenset(nameless | {a.digest for a in members}), members)


def read_detail(text: str) -> str:
    """Read the path of a table.

    Raises:
        UserError: if there is no such file.
    """
    if not text:
        raise UserError("--evaluator table needs a file: table:FILE.csv, or table:runs/NAME/candidates.jsonl")
    path = Path(text)
    if not path.is_file():
        raise UserError(f"table {text!r} does not exist")
    return str(path.absolute())


KIND = Kind(spec, words="by the table", read_detail=read_detail, listed=listed)
