"""The same command again: a run that was not finished goes on instead of a second one beginning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import UserError
from nas.runs import RunDirectory
from nas.search.config import SearchConfig, config_document, read_config

if TYPE_CHECKING:
    from nas.search.watch import Watch

_ELSEWHERE = "workers"  # where a search runs may change from sitting to sitting
_NOT_BEGUN = frozenset({".lock", runs.BLOCKS})  # what a run holds before its configuration is written


def run_for(config: SearchConfig, runs_dir: Path, name: str | None, stem: str, watch: Watch) -> RunDirectory:
    """Return the run that a search writes: the unfinished one of the same search, or a new one.

    Args:
        config: the search.
        runs_dir: the folder that holds all runs; made if missing.
        name: the run's own name; None takes the first free one that begins with `stem`.
        stem: what a run without a name is called after.
        watch: hears of a run that is taken up.

    Raises:
        UserError: if the run of that name is another search's, or another process writes it.
    """
    if name is not None:
        path = runs_dir / runs.checked_name(name)
        if (path / runs.CONFIG).is_file():
            return _named(config, path, watch)
        return RunDirectory.create(runs_dir, name, resume=_not_begun(path))
    for path in _called_after(runs_dir, stem):
        if _same_and_unfinished(config, path) and not runs.held(path):
            watch.say(f"going on with {path}, which was not finished; --name NAME begins another run")
            return RunDirectory.open(path)
    return RunDirectory.create(runs_dir, runs.free_name(runs_dir, stem))


def differences(ours: SearchConfig, theirs: SearchConfig) -> list[str]:
    """Name what two searches differ in, apart from where they run, as ``path: theirs there, ours here``."""
    mine, other = (dict(_flat(config_document(config))) for config in (ours, theirs))
    return [
        f"{name}: {other.get(name)} there, {mine.get(name)} here"
        for name in sorted(mine.keys() | other.keys())
        if mine.get(name) != other.get(name)
    ]


def _named(config: SearchConfig, path: Path, watch: Watch) -> RunDirectory:
    differing = differences(config, read_config(path / runs.CONFIG))
    if differing:
        raise UserError(
            f"run {str(path)!r} exists already and is another search ({'; '.join(differing[:3])}); continue it with "
            f"--resume {path}, or choose another name"
        )
    if not runs.finished(path):
        watch.say(f"going on with {path}, which was not finished")
    return RunDirectory.open(path)


def _not_begun(path: Path) -> bool:
    """Whether a crash left a run before its configuration was written; temporary files begin with a dot."""
    return path.is_dir() and all(p.name in _NOT_BEGUN or p.name.startswith(".") for p in path.iterdir())


def _called_after(runs_dir: Path, stem: str) -> list[Path]:
    first = runs.free_name(runs_dir / "none", stem)  # `stem` as it stands in a run's name
    pattern = re.compile(re.escape(first) + r"(-\d+)?")
    return sorted(path for path in runs_dir.glob(f"{first}*") if pattern.fullmatch(path.name))


def _same_and_unfinished(config: SearchConfig, path: Path) -> bool:
    try:
        return not runs.finished(path) and not differences(config, read_config(path / runs.CONFIG))
    except UserError:  # a damaged run is not ours to judge here
        return False


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif not f"{prefix}{name}".startswith(f"{_ELSEWHERE}."):
            yield f"{prefix}{name}", value
