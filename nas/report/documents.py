"""Reads a run directory's documents: ``result.json`` and ``candidates.jsonl``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import UserError


@dataclass(frozen=True, slots=True)
class Documents:
    """What a search left on disk, as plain data.

    Attributes:
        path: the run directory, as the user named it.
        result: the content of ``result.json``.
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
    path = run_dir / "result.json"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{path}: not found; is {str(run_dir)!r} a finished run?") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(result, dict):
        raise UserError(f"{path}: expected a mapping")
    return Documents(run_dir, result, _read_lines(run_dir / "candidates.jsonl"))


def _read_lines(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(json.loads(line))
        except ValueError as error:
            if number == len(lines):  # a search that was killed may leave half a line at the end
                break
            raise UserError(f"{path}:{number}: not valid JSON ({error})") from None
    return tuple(entries)
