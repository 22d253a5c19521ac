"""Reads a run directory's documents: ``result.json`` and ``candidates.jsonl``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas import runs
from nas.errors import UserError


@dataclass(frozen=True, slots=True)
class Documents:
    """What a search left on disk, as plain data.

    Attributes:
        path: the run directory, as the user named it.
        result: the content of ``result.json``, with that of ``latency.json`` under ``measured`` if there is one.
        candidates: one dictionary per evaluated candidate, in the order of evaluation.
    """

    path: Path
    result: dict[str, Any]
    candidates: tuple[dict[str, Any], ...]


def load_documents(run_dir: Path) -> Documents:
    """Read the documents of `run_dir`.

    Raises:
        UserError: if the run has no readable result.
    """
    if not (run_dir / runs.RESULT).is_file():
        raise UserError(f"{run_dir / runs.RESULT}: not found; is {str(run_dir)!r} a finished run?")
    result = runs.read_json(run_dir / runs.RESULT)
    if not isinstance(result, dict):
        raise UserError(f"{run_dir / runs.RESULT}: expected a mapping")
    if (run_dir / runs.LATENCY).is_file():
        result = {**result, "measured": runs.read_json(run_dir / runs.LATENCY)}
    records = run_dir / runs.CANDIDATES
    return Documents(run_dir, result, tuple(runs.read_records(records)) if records.is_file() else ())
