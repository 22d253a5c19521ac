"""One search from beginning to end: supernet, candidates, finalists, winner.

Every stage keeps what it has finished in the run directory, so the same call on the same run continues it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas import runs
from nas.artefacts import save_winner
from nas.data import load_data
from nas.runs import RunDirectory
from nas.search.candidate import Candidate
from nas.search.config import SearchConfig
from nas.search.evaluators import Setting, evaluator_spec, kind_of
from nas.search.executor import OnResult
from nas.search.explore import executor, explore
from nas.search.final_stage import choose, train_finalists
from nas.search.finalists import Finalist
from nas.search.measured_finalists import measured_finalists
from nas.search.objective import front as front_of
from nas.search.result import Found, result_document
from nas.search.rungs import climb
from nas.search.sharing import shared_study
from nas.search.stopping import InterruptedRunError, stopping
from nas.search.study import Study
from nas.search.supernets import own_blocks, run_supernet
from nas.search.target import Field, load_target, search_field
from nas.search.time_budget import time_left
from nas.search.watch import Watch
from nas.space.space import load_space
from nas.training.device import resolve
from nas.training.threads import suited_threads

if TYPE_CHECKING:
    from nas.model.supernet import Supernet


@dataclass
class Clock:
    """Measures the stages of a search."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what runs inside as stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def search(config: SearchConfig, run: RunDirectory, watch: Watch) -> Found:
    """Search, and leave ``result.json`` and ``winner/`` in the run.

    Raises:
        InfeasibleError: if no architecture keeps the constraints.
        InterruptedRunError: if Ctrl-C ended it; the same call continues.
        UserError: if something the configuration names is wrong.
    """
    clock, device, left = Clock(), resolve(config.workers.device), time_left(config.time_plan, run)
    target, space = load_target(config.target), load_space(config.space)
    data = load_data(config.data, resolution=max(space.resolutions), seed=config.seed, root=config.root)
    where = search_field(space.for_classes(data.num_classes), target)
    supernet: Supernet | None = None
    weights: Path | None = None
    if kind_of(config.evaluator).needs_supernet:
        with clock.stage("supernet"), suited_threads(data.resolution):
            share = None if left is None else left.supernet_share
            supernet, weights = run_supernet(
                config, where.full, data, run.path, watch=watch, device=device, time_share=share
            )
        watch.say(f"supernet {clock.seconds['supernet']:.0f} s")
    else:
        watch.say(f"evaluator {config.evaluator}: no supernet; finalists are trained from scratch")
    setting = _setting(config, where, weights)
    with clock.stage("search"), suited_threads(data.resolution), shared_study(config, where, data, run) as shared:
        study = explore(config, run, where, target, setting, watch, left, shared)
    watch.say(_explored_text(study, clock))
    front = study.front()
    if config.effort.candidate is not None and config.effort.rungs:
        with clock.stage("rungs"), suited_threads(data.resolution):
            front = _climb(config, run, study, setting, watch)
    with clock.stage("finalists"), suited_threads(data.resolution):
        finalists, left_out = train_finalists(config, run, study, front, supernet, data, watch, left)
    judged = finalists
    if config.measure is not None:
        with clock.stage("measuring"), suited_threads(data.resolution):
            judged = measured_finalists(finalists, target, config.measure, run, watch)
    winner = finalists[choose(judged, config)]
    watch.say(_trained_text(finalists, winner, clock))
    if not kind_of(config.evaluator).gives_accuracy:  # what was not trained has a rank, and no accuracy to be shown
        trained = {f.candidate.digest for f in finalists}
        front = [c for c in front if c.digest in trained]
    found = Found(winner, finalists, front, study.counts, len(data.test), clock.seconds, left_out)
    save_winner(run.file("winner"), winner.architecture, winner.network)
    run.write_json(runs.RESULT, result_document(config, target, found))
    return found


def _setting(config: SearchConfig, where: Field, weights: Path | None) -> Setting:
    """Return what the evaluator may be made from."""
    recipe = config.effort.candidate or config.effort.finalist
    blocks = own_blocks(where.full)
    device = config.workers.evaluation_device
    return Setting(where.full, config.data, config.root, config.seed, recipe, weights, blocks, device, config.precision)


def _climb(config: SearchConfig, run: RunDirectory, study: Study, setting: Setting, watch: Watch) -> list[Candidate]:
    """Train the best candidates longer, rung by rung, and return the front of the highest rung."""

    def told(number: int, size: int, epochs: int) -> OnResult:
        watch.say(f"rung {number}   the best {size} are trained anew, {epochs} passes each")
        finished = iter(range(1, size + 1))
        return lambda _: watch.progress("rungs", next(finished, size), size, f"rung {number}, {epochs} passes")

    with stopping(watch.say) as asked:
        best, _ = climb(
            [c for c in study.candidates if c.state == "complete"],
            setting.recipe,
            config.effort.rungs,
            spec=lambda recipe: evaluator_spec(config.evaluator, replace(setting, recipe=recipe)),
            executor=executor(config.workers),
            run_dir=run,
            told=told,
            should_stop=asked,
        )
    if asked():
        raise InterruptedRunError(f"stopped; continue with: nas search --resume {run.path}")
    return [best[i] for i in front_of([c.metrics for c in best])]


def _explored_text(study: Study, clock: Clock) -> str:
    counts = study.counts
    told = f"{counts.evaluated} evaluated, {counts.infeasible} over budget, {counts.duplicates} seen before"
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"search   {clock.seconds['search']:.0f} s: {told}{failed}"


def _trained_text(finalists: Sequence[Finalist], winner: Finalist, clock: Clock) -> str:
    return f"finals   {clock.seconds['finalists']:.0f} s: {len(finalists)} trained; the winner is {winner.name}"
