"""Where a run stands, read from its folder alone: also while another process writes it. Changes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from nas import runs, schema
from nas.errors import UserError, nearest
from nas.search.evaluators import Order, kind_of
from nas.search.standing import STOPPED, Standing, read_standing

T = TypeVar("T")
State = Literal["running", "finished", "stopped", "failed", "damaged"]


@dataclass(frozen=True, slots=True)
class Best:
    """The best network so far.

    Attributes:
        name: the winner's or the candidate's.
        trained: whether it was trained to its end; else the accuracy is what the evaluator gave.
        search_accuracy: on the split that the search compares on.
        test_accuracy: on the test split, once the run is finished.
        scored: how the evaluator's scores are spoken of, after a figure.
        gives_accuracy: whether they are accuracies; else they only rank.
    """

    name: str
    trained: bool
    search_accuracy: float
    test_accuracy: float | None
    macs: int
    latency_ms: float
    scored: str = ""
    gives_accuracy: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """What is done of what is planned.

    Attributes:
        planned: candidates that are to be scored; with a budget of time, as many as it is expected to be enough for.
        expected: whether that number is such an expectation: the search ends with its time.
        finalists: networks whose own training has begun, however often each is trained.
        planned_finalists: how many there will be at most, known designs included.
        supernet_epochs: passes that train the shared weights.
    """

    planned: int
    evaluated: int
    infeasible: int
    failed: int
    duplicates: int
    finalists: int
    planned_finalists: int
    supernet_epochs: int
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Where a run stands.

    Attributes:
        state: ``stopped`` means that ``nas search --resume`` continues it, ``failed`` that an error ended it.
        stage: supernet, search, finalists, measuring or export; None where nothing tells.
        stage_share: how much of the stage is done.
        epoch: of the supernet's training, from 1; None in other stages.
        best: by accuracy; the winner once there is one.
        elapsed_seconds: of all sittings.
        stage_seconds_left: from the pace of this sitting; later stages come on top.
        held: whether a process writes the run.
        pid: of that process, on `host`.
        interrupted: whether Ctrl-C or SIGTERM ended the last sitting.
        error: what went wrong and ended it.
        problems: what of the folder cannot be read.
    """

    path: str
    state: State
    target: str
    space: str
    data: str
    stage: str | None
    stage_share: float | None
    epoch: int | None
    counts: Counts | None
    best: Best | None
    elapsed_seconds: float | None
    stage_seconds_left: float | None
    held: bool
    pid: int | None
    host: str | None
    interrupted: bool
    error: str | None
    problems: tuple[str, ...]


def run_status(path: Path, now: float | None = None) -> Status:
    """Say where the run at `path` stands.

    Args:
        path: of the run.
        now: in seconds since 1970; None asks the clock.

    Raises:
        UserError: if there is no run.
    """
    require_run(path)
    now = time.time() if now is None else now
    held = runs.held(path)  # before the documents: what is finished in between is told as running, never as stopped
    look = _Look(path)
    config: Mapping[str, Any] = look.read(lambda: _config(path), {})
    records: list[dict[str, Any]] = look.read(lambda: _records(path), [])
    result: Mapping[str, Any] = look.read(lambda: _result(path), {})
    standing = look.read(lambda: read_standing(path), None)
    counts = look.read(lambda: _counts(path, config, records), None)
    best = look.read(lambda: _best(result, records, config), None)
    finished = not held and "verification" in result and (path / runs.PAGE).is_file()
    stage, share = _stage(standing, counts) if not finished else (None, None)
    live = standing if held else None
    ended = None if standing is None or held else standing.error
    return Status(
        path=str(path),
        state=_state(standing, held=held, finished=finished, damaged=bool(look.problems)),
        target=str(config.get("target", "")),
        space=str(config.get("space", "")),
        data=str(config.get("data", "")),
        stage=stage,
        stage_share=share,
        epoch=_epoch(stage, share, counts),
        counts=counts,
        best=best,
        elapsed_seconds=_elapsed(standing, result, live, now),
        stage_seconds_left=None if live is None else live.stage_seconds_left(now),
        held=held,
        pid=None if live is None else live.pid,
        host=None if live is None else live.host,
        interrupted=ended == STOPPED,
        error=None if ended == STOPPED else ended,
        problems=tuple(look.problems),
    )


def require_run(path: Path) -> None:
    """Refuse what is no run.

    Raises:
        UserError: that says what it is, and which runs are near.
    """
    if (path / runs.CONFIG).is_file():
        return
    if not path.exists():
        close = nearest(path.name, _runs_in(path.parent))
        hint = f"; did you mean {str(path.parent / close)!r}?" if close else ""
        raise UserError(f"run {str(path)!r} does not exist{hint}")
    inside = _runs_in(path)
    if inside:
        raise UserError(f"{path}: a folder of runs, not a run; it has: {', '.join(inside[:10])}")
    raise UserError(f"{path}: not a run (it has no {runs.CONFIG})")


def _runs_in(folder: Path) -> list[str]:
    return sorted(p.parent.name for p in folder.glob(f"*/{runs.CONFIG}")) if folder.is_dir() else []


@dataclass
class _Look:
    """Reads what can be read and notes what cannot."""

    path: Path
    problems: list[str] = field(default_factory=list)

    def read(self, reader: Callable[[], T], otherwise: T) -> T:
        """Return what `reader` does; if it finds damage, note it and return `otherwise`."""
        try:
            return reader()
        except UserError as error:
            self.problems.append(str(error))
        except (KeyError, TypeError, AttributeError, ValueError) as error:  # legal JSON, but no document of a run
            self.problems.append(f"{self.path}: its documents are not those of a run ({type(error).__name__}: {error})")
        return otherwise


def _mapping(document: object, path: Path) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise UserError(f"{path}: expected a mapping, got {schema.describe(document)}")
    return cast("dict[str, Any]", document)


def _config(path: Path) -> Mapping[str, Any]:
    return _mapping(schema.load_yaml(path / runs.CONFIG), path / runs.CONFIG)


def _records(path: Path) -> list[dict[str, Any]]:
    file = path / runs.CANDIDATES
    return runs.read_records(file) if file.is_file() else []


def _result(path: Path) -> Mapping[str, Any]:
    file = path / runs.RESULT
    return _mapping(runs.read_json(file), file) if file.is_file() else {}


def _counts(path: Path, config: Mapping[str, Any], records: list[dict[str, Any]]) -> Counts | None:
    if not config:
        return None
    effort, time_plan = config["effort"], config.get("time_plan")
    states = [record["state"] for record in records]
    searches = [record.get("search") or {} for record in records]
    return Counts(
        planned=int((time_plan or effort)["evaluations"]),
        evaluated=states.count("complete"),
        infeasible=max([states.count("infeasible"), *(s.get("infeasible", 0) for s in searches)]),
        failed=states.count("failed"),
        duplicates=max([0, *(s.get("duplicates", 0) for s in searches)]),
        finalists=len({file.stem.partition("-")[0] for file in (path / "finalists").glob("*.state")}),
        planned_finalists=int(effort["finalists"]) + int(effort["baselines"]),
        supernet_epochs=int(effort["supernet"]["epochs"]),
        expected=time_plan is not None,
    )


def _best(result: Mapping[str, Any], records: list[dict[str, Any]], config: Mapping[str, Any]) -> Best | None:
    winner = result.get("winner")
    if winner:
        figures = (winner["search_accuracy"], winner.get("test_accuracy"), winner["macs"], winner["latency_ms"])
        return Best("winner", True, *figures)
    scored = [record for record in records if record["state"] == "complete"]
    if not scored:
        return None
    best = max(scored, key=lambda record: (record["metrics"]["accuracy"], -record["metrics"]["macs"]))
    metrics = best["metrics"]
    name = f"candidate-{best['number']}"
    figures = (metrics["accuracy"], None, metrics["macs"], metrics["latency_ms"])
    order = config.get("evaluator")
    kind = kind_of(schema.read(Order, order) if order else Order())
    return Best(name, False, *figures, kind.words, kind.gives_accuracy)


def _stage(standing: Standing | None, counts: Counts | None) -> tuple[str | None, float | None]:
    """Return the stage and how much of it is done; where the run keeps no note of it, as its files tell."""
    if standing is not None and standing.stage:
        return standing.stage, standing.done / standing.total if standing.total else None
    if counts is None or counts.evaluated + counts.failed == 0:
        return None, None
    if counts.finalists:
        return "finalists", None
    return "search", min(1.0, (counts.evaluated + counts.failed) / max(1, counts.planned))


def _epoch(stage: str | None, share: float | None, counts: Counts | None) -> int | None:
    if stage != "supernet" or share is None or counts is None:
        return None
    return max(1, math.ceil(share * counts.supernet_epochs))


def _state(standing: Standing | None, *, held: bool, finished: bool, damaged: bool) -> State:
    if held:
        return "running"
    if damaged:
        return "damaged"
    if finished:
        return "finished"
    failed = standing is not None and standing.error not in (None, STOPPED)
    return "failed" if failed else "stopped"


def _elapsed(standing: Standing | None, result: Mapping[str, Any], live: Standing | None, now: float) -> float | None:
    if live is not None:
        return live.earlier_seconds + now - live.began
    if standing is not None:
        return standing.seconds
    total = (result.get("seconds") or {}).get("total")
    return None if total is None else float(total)
