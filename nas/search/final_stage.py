"""The last stage of a search: who is trained to the end, how long and how often, and who wins."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from nas import runs
from nas.data import ImageData
from nas.errors import NasError
from nas.hardware.profile import load_profile
from nas.runs import RunDirectory
from nas.search.config import Effort, SearchConfig
from nas.search.evaluate import one_line
from nas.search.evaluators import kind_of
from nas.search.events import Events
from nas.search.finalists import (
    Finalist,
    FinalTraining,
    choose_baselines,
    choose_finalists,
    ends_one_network,
    finalist_name,
)
from nas.search.objective import feasible, select
from nas.search.time_budget import TimeLeft
from nas.search.verdict import best_known
from nas.search.watch import Watch
from nas.training.device import resolve
from nas.training.precision import Precision

if TYPE_CHECKING:
    from nas.model.supernet import Supernet
    from nas.search.candidate import Candidate
    from nas.search.study import Study

_SAFETY = 0.95  # of the time is planned for
_TIMING_S = 2.0
_NEARLY = 0.1  # of a pass may be missing: the safety above has room for it
_RANK_SLACK = 0.25
_REAL = 0.2  # of the longest training


def train_finalists(
    config: SearchConfig,
    run: RunDirectory,
    study: Study,
    front: Sequence[Candidate],
    supernet: Supernet | None,
    data: ImageData,
    watch: Watch,
    left: TimeLeft | None = None,
) -> tuple[list[Finalist], dict[str, str]]:
    """Train a few of the front beside known designs; the winner and its best rival several times.

    What goes wrong with one network, a divergence or a lack of memory, is its own end: it is left out.

    Args:
        config: says how many, and by which recipe.
        run: keeps the trainings.
        study: has the candidates.
        front: those that none beats.
        supernet: whose weights they start from; None where they start from random ones.
        data: what they are trained on.
        watch: hears of progress.
        left: how much time there is; None for as much as it takes. When it is over, those left are not trained.

    Returns:
        The finalists, and by name why others could not be trained.

    Raises:
        NasError: if none could be trained.
    """
    chosen = _chosen(config, study, front)
    effort = config.effort
    if left is not None and supernet is not None:
        effort = _fitted(config, run, chosen, supernet, data, left)
    training = FinalTraining(
        supernet,
        data,
        effort.finalist,
        folder=run.file("finalists"),
        watch=watch,
        events=Events(run.path),
        device=resolve(config.workers.device),
        total=effort.trainings_of(len(chosen)),
        precisions=precisions(config),
    )
    clock = _Clock(left)
    finalists, left_out = _train_each(chosen, training, clock, watch)
    if not finalists:
        raise NasError(f"no finalist could be trained: {'; '.join(left_out.values())}")
    for _ in range(1, effort.final_seeds):
        both = _pair(finalists, config)
        if clock.enough(len(both)):
            for i in both:
                finalists[i] = training.train_again(finalists[i])
    return finalists, left_out


def _chosen(config: SearchConfig, study: Study, front: Sequence[Candidate]) -> list[Candidate]:
    """Return a few of the front, the most promising first, and known designs."""
    # A rank says nothing of how many points a candidate is behind the best.
    slack = config.accuracy_slack if kind_of(config.evaluator).gives_accuracy else _RANK_SLACK
    chosen = choose_finalists(front, config.effort.finalists, slack)
    taken = {c.digest for c in chosen}
    known = choose_baselines(study.candidates, config.effort.baselines, rule=config.select, slack=slack)
    # The best known design comes second, so that the winner has a rival even where time is over soon.
    chosen[1:1] = [c for c in known[:1] if c.digest not in taken]
    return chosen + [c for c in known[1:] if c.digest not in taken]


def _train_each(
    chosen: Sequence[Candidate], training: FinalTraining, clock: _Clock, watch: Watch
) -> tuple[list[Finalist], dict[str, str]]:
    """Train each once, while there is time; return also why some could not be trained, by name."""
    finalists, left_out = list[Finalist](), dict[str, str]()
    for number, candidate in enumerate(chosen, start=1):
        if not clock.enough():
            missing = training.total - len(finalists) - len(left_out)
            watch.say(f"finals   no time is left for {missing} of {training.total} trainings")
            break
        name = finalist_name(candidate, number)
        try:
            finalists.append(training.train(candidate, name=name))
        except (NasError, MemoryError, RuntimeError) as error:
            if not ends_one_network(error):
                raise
            left_out[name] = one_line(error)
            watch.say(f"finals   {name} is left out: {left_out[name]}")
    return finalists, left_out


def precisions(config: SearchConfig) -> tuple[Precision, ...]:
    """Return what finalists are scored in: that of the search first, and both where int8 matters."""
    if config.precision == "int8" or load_profile(config.target).precision == "int8":
        return ("int8", "float") if config.precision == "int8" else ("float", "int8")
    return ("float",)


def choose(finalists: Sequence[Finalist], config: SearchConfig) -> int:
    """Return the index of the winner: by the rule, among those that keep the limits (all, if measured none does)."""
    within = _within(finalists, config) or range(len(finalists))
    return within[select([finalists[i] for i in within], config.select, config.accuracy_slack)]


def _pair(finalists: Sequence[Finalist], config: SearchConfig) -> list[int]:
    """Return the indices of the winner and of the best known design; of one alone where they are the same."""
    within = [finalists[i] for i in _within(finalists, config)]
    rival = best_known(within, rule=config.select, accuracy_slack=config.accuracy_slack)
    rivals = [i for i, f in enumerate(finalists) if f is rival]
    return list(dict.fromkeys([choose(finalists, config), *rivals]))


def _within(finalists: Sequence[Finalist], config: SearchConfig) -> Sequence[int]:
    return [i for i, f in enumerate(finalists) if feasible(f.metrics, config.constraints)]


class _Clock:
    """Says whether there is time for further trainings as long as those before."""

    def __init__(self, left: TimeLeft | None) -> None:
        self._left = left
        self._asked = time.monotonic()
        self._running = 0  # trainings that began then
        self._took_s: list[float] = []  # each

    def enough(self, count: int = 1) -> bool:
        """Tell whether so many more may start; the first one always may."""
        now = time.monotonic()
        if self._running:
            self._took_s += [(now - self._asked) / self._running] * self._running
        enough = self._left is None or self._left.finalists_s() >= count * self._expected_s()
        self._asked, self._running = now, count if enough else 0
        return enough

    def _expected_s(self) -> float:
        """Return the mean; without those that a resumed run had finished already, which take hardly any time."""
        longest_s = max(self._took_s, default=-math.inf)
        return fmean([s for s in self._took_s if s >= _REAL * longest_s] or [longest_s])


def _fitted(
    config: SearchConfig,
    run: RunDirectory,
    chosen: Sequence[Candidate],
    supernet: Supernet,
    data: ImageData,
    left: TimeLeft,
) -> Effort:
    """Return the efforts with as many passes as there is time for; a resumed run stays with what it began with."""
    from nas.search.pace import finalist_epoch_s

    effort, file = config.effort, run.file(runs.TIME)
    if file.is_file():
        epochs = int(run.read_json(runs.TIME)["finalist_epochs"])
    else:
        middle = sorted(chosen, key=lambda c: c.metrics.macs)[len(chosen) // 2]
        trainings = effort.trainings_of(len(chosen))
        epoch_s = finalist_epoch_s(supernet, middle.architecture, data, effort, _TIMING_S, trainings=trainings)
        each_s = _SAFETY * left.finalists_s() / trainings
        epochs = max(1, min(left.plan.most_finalist_epochs, int(each_s / epoch_s + _NEARLY)))
        run.write_json(runs.TIME, {"finalist_epochs": epochs})
    return replace(effort, finalist=replace(effort.finalist, epochs=epochs))
