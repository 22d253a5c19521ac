"""The same command again: a run that was not finished goes on instead of a second one beginning."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import UserError
from nas.runs import RunDirectory
from nas.search.config import SearchConfig, read_config
from nas.search.study_url import without_password

if TYPE_CHECKING:
    from nas.search.watch import Watch

_ELSEWHERE = "workers"  # where a search runs may change from sitting to sitting
_FOLLOWS = ("derived", "feasible_share", "effort.supernet.seed", "effort.finalist.seed", "effort.candidate.seed")
_FIRST = (
    *("target", "space", "data", "data_root", "evaluator", "sampler", "seed", "constraints", "select"),
    *("accuracy_slack", "precision", "time_plan", "warm_start", "measure", "blocks", "specialised_from"),
    *("study_storage", "formats"),
)  # then the efforts: much of them follows from the data
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
    """Name what two searches differ in, apart from where they run, as ``path: theirs there, ours here``.

    What a user names comes first. Figures that follow from it are told only where nothing else differs.
    """
    mine, other = (dict(_flat(_without_password(config))) for config in (ours, theirs))
    differing = [name for name in {**mine, **other} if mine.get(name) != other.get(name)]
    derived = ours.derived and theirs.derived
    named = [name for name in differing if not _follows(name, derived=derived)]
    return [
        f"{name}: {_told(other.get(name))} there, {_told(mine.get(name))} here"
        for name in sorted(named or differing, key=_place)
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


def _follows(name: str, *, derived: bool) -> bool:
    """Whether a figure follows from what the user named; `derived` if both searches derived their latency limit."""
    timed = name.startswith("time_plan.") and name != "time_plan.total_s"
    return name in _FOLLOWS or timed or (derived and name == "constraints.latency_ms")


def _place(name: str) -> tuple[int, str]:
    first = name.partition(".")[0]
    return (_FIRST.index(first) if first in _FIRST else len(_FIRST)), name


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _without_password(config: SearchConfig) -> SearchConfig:
    """Return the search as a run keeps it."""
    storage = config.study_storage
    return config if storage is None else dataclasses.replace(config, study_storage=without_password(storage))


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field of a dataclass with its path; one that documents leave out has its default."""
    for field in dataclasses.fields(value):
        inner, name = getattr(value, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(inner):
            yield from _flat(inner, f"{name}.")
        elif not name.startswith(f"{_ELSEWHERE}."):
            yield name, inner
