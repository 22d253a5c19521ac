"""The study as an Optuna journal file, for `optuna-dashboard` and Optuna's plots.

It is a picture of ``candidates.jsonl``, one append per finished candidate, and is drawn again at each resume: the
search itself never reads it, because asking a study that lives in a file costs many times what it costs in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.search.candidate import Candidate
from nas.search.objective import Metrics

_DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)
STATES = {"complete": TrialState.COMPLETE, "infeasible": TrialState.PRUNED, "failed": TrialState.FAIL}


def goals(metrics: Metrics, *, macs_count: bool) -> list[float] | None:
    """Return the values of the goals, in the order of the study's directions; None without an accuracy."""
    if metrics.accuracy is None:
        return None
    return [metrics.accuracy, float(metrics.macs)] if macs_count else [metrics.accuracy]


def new_study(
    name: str, storage: optuna.storages.BaseStorage | None = None, *, macs_count: bool = True, join: bool = False
) -> optuna.Study:
    """Make an empty study with the goals: accuracy up and, if they count, MACs down; `join` takes one that is there."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        directions = _DIRECTIONS[: 1 + macs_count]
        return optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=join)
    finally:
        optuna.logging.set_verbosity(level)


def frozen_trial(
    candidate: Candidate,
    params: Mapping[str, Any],
    space: Mapping[str, BaseDistribution],
    attrs: Mapping[str, Any],
    constraints: Mapping[str, float],
    *,
    macs_count: bool = True,
) -> FrozenTrial:
    """Write a finished candidate as an Optuna trial.

    Args:
        candidate: the candidate.
        params: its flat encoding.
        space: the distributions of all parameters.
        attrs: what the sampler noted about it.
        constraints: relative overshoot of each limit; zero and below hold.
        macs_count: whether few MACs are a goal.
    """
    metrics = candidate.metrics
    return optuna.trial.create_trial(
        state=STATES[candidate.state],
        values=goals(metrics, macs_count=macs_count),
        params=dict(params),
        distributions=dict(space),
        user_attrs={
            "number": candidate.number,
            "source": candidate.source,
            "digest": candidate.digest,
            **{k: v for k, v in metrics.to_dict().items() if v is not None},
            **({"error": candidate.error} if candidate.error else {}),
        },
        system_attrs=dict(attrs),
        constraints=dict(constraints),
    )


class Mirror:
    """Writes the journal file, and keeps nothing of it in memory."""

    def __init__(self, path: Path, name: str, *, macs_count: bool = True) -> None:
        # The caller owns the run, so a lock that is still there was left behind by a crash.
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
        self._file = _AppendedFile(path)
        self._study = new_study(name, JournalStorage(self._file), macs_count=macs_count)

    def add(self, trial: FrozenTrial) -> None:
        """Append one finished trial."""
        # The dashboard knows constraints by their old name only.
        trial.system_attrs = {**trial.system_attrs, "constraints": list(trial.constraints.values())}
        self._study.add_trial(trial)
        self._file.read_back = False  # only now: Optuna looks up the number of the first trial


class _AppendedFile(BaseJournalBackend):
    """A journal with one writer, which neither locks it nor reads back what it wrote.

    Optuna's own keeps every trial in memory a second time, with objects of its own for each parameter: 17 KB a trial.
    Nor does it wait for the disk: after a crash of the machine the picture is drawn anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read_back = True

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the lines from a number on while they are read back, then none."""
        if self.read_back and self._path.is_file():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            yield from (json.loads(line) for line in lines[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines in one write."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self._path.open("ab") as file:
            file.write(text.encode())
