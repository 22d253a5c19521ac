"""What a run holds of a search that was stopped or killed: its finished candidates, and those that were in the air."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import UserError
from nas.search.candidate import Candidate

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nas.runs import RunDirectory
    from nas.search.samplers import CostFunction
    from nas.space.space import SearchSpace

Record = dict[str, Any]


def recover(run_dir: RunDirectory) -> tuple[list[Record], list[Record]]:
    """Return the lines of the finished candidates, and of those asked for and not finished.

    Half-written last lines are cut off. What was asked for after a line that is lost is left out: it is proposed
    anew, as it was the first time.

    Raises:
        UserError: if a line before the last is damaged.
    """
    finished = run_dir.recover_records(runs.CANDIDATES)
    numbers = {record["number"] for record in finished}
    asked = run_dir.recover_records(runs.ASKED)
    open_ones = [a for a in asked if a["number"] not in numbers and a["finished"] <= len(finished)]
    if len(open_ones) < len(asked):
        run_dir.write_text(runs.ASKED, "".join(runs.record_line(record) for record in open_ones))
    return finished, open_ones


def read_candidate(
    record: Mapping[str, Any], space: SearchSpace, parameters: Collection[str], cost_fn: CostFunction, *, place: Path
) -> Candidate:
    """Read a line, of a finished candidate or of one that was asked for.

    Args:
        record: the line.
        space: decodes it.
        parameters: the names of the space's questions.
        cost_fn: gives the cost of what is not finished.
        place: where it comes from, for messages.

    Raises:
        UserError: if it is of another space.
    """
    number, digest = record.get("number"), record.get("digest")
    try:
        params = record["search"]["params"]
        architecture = space.decode(params)
        if "state" in record:
            candidate = Candidate.from_dict(record, architecture)
        else:
            candidate = Candidate(record["number"], record["source"], architecture, cost_fn(architecture))
    except (KeyError, ValueError, UserError) as error:
        raise _other_space(place, space, f"candidate {number}: {error}") from None
    if digest != architecture.digest or set(params) != set(parameters):
        raise _other_space(place, space, f"candidate {number} is another network in this space")
    return candidate


def read_shared(
    trial: FrozenTrial, space: SearchSpace, parameters: Collection[str], cost_fn: CostFunction, *, number: int
) -> Candidate:
    """Read a trial that another search of a shared study finished, as candidate `number` of this one.

    Raises:
        UserError: if it is of another space.
    """
    noted = trial.user_attrs
    record = {
        "number": number,
        "digest": noted["digest"],
        "source": noted["source"],
        "search": {"params": trial.params},
    }
    found = read_candidate(record, space, parameters, cost_fn, place=Path(f"trial {trial.number} of the shared study"))
    seconds = 0.0 if trial.duration is None else trial.duration.total_seconds()
    if not trial.values:
        return replace(found, state="failed", error="failed in another search of the study", seconds=seconds)
    metrics = replace(found.metrics, accuracy=trial.values[0])
    return replace(found, state="complete", metrics=metrics, seconds=seconds)


def _other_space(place: Path, space: SearchSpace, detail: str) -> UserError:
    return UserError(f"{place} does not fit the search space {space.name!r} ({detail}); was it edited since?")
