"""Scoring candidates: the study asks for them, an executor has them evaluated, until there are as many as wanted."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.runs import RunDirectory
from nas.search.cluster import INLINE, LOCAL
from nas.search.config import SearchConfig, Workers
from nas.search.evaluators import Setting, evaluator_spec, kind_of, listed_architectures
from nas.search.events import Events
from nas.search.executor import Executor, OnResult
from nas.search.inline import InlineExecutor
from nas.search.ray_executor import RayExecutor
from nas.search.stopping import InterruptedRunError, stopping
from nas.search.study import Study
from nas.search.watch import Watch

if TYPE_CHECKING:
    from nas.search.candidate import Candidate
    from nas.search.shared import SharedStudy
    from nas.search.target import Field, Target
    from nas.search.time_budget import TimeLeft

_LEAST_EVALUATIONS = 8  # are scored even if a budget of time is over
_WORTH_WORKERS_S = 30.0  # starting Ray takes ten seconds and more


def explore(
    config: SearchConfig,
    run: RunDirectory,
    where: Field,
    target: Target,
    setting: Setting,
    watch: Watch,
    left: TimeLeft | None,
    shared: SharedStudy | None,
) -> Study:
    """Score candidates until the study holds as many as wanted.

    Args:
        config: says how many, by which sampler and where.
        run: keeps them.
        where: the space that is searched.
        target: gives their costs.
        setting: what the evaluator may be made from.
        watch: hears of progress.
        left: how much time there is; None for as much as it takes.
        shared: the study that other searches take part in; None searches alone.

    Raises:
        InfeasibleError: if no architecture keeps the constraints.
        InterruptedRunError: if Ctrl-C ended it; the same call continues.
        NasError: if no candidate could be scored.
    """
    study = _study(config, run, where, target, shared)
    wanted = config.effort.evaluations
    expected = wanted if config.time_plan is None else config.time_plan.evaluations

    def over() -> bool:
        return left is not None and left.search_is_over() and study.counts.evaluated >= _LEAST_EVALUATIONS

    spec = evaluator_spec(config.evaluator, setting)
    watch.progress("search", study.counts.evaluated, expected, "starting workers")
    if study.counts.evaluated + study.counts.failed >= wanted or over():
        # Starting workers takes longer than all that is left.
        return _scored(study)
    with stopping(watch.say) as asked, closing(Events(run.path)) as events:
        workers = _workers(config.workers, left)
        told = _teller(config, study, expected, watch, events)
        outcome = executor(workers).run(study, spec, wanted, told, lambda: asked() or over())
    if asked():
        raise InterruptedRunError(f"stopped; continue with: nas search --resume {run.path}")
    if outcome == "exhausted":
        watch.say(f"the search space has no further feasible candidate after {study.counts.evaluated}")
    study.catch_up()
    return _scored(study)


def executor(workers: Workers) -> Executor:
    """Return what evaluates candidates: this process, or Ray workers."""
    if workers.address == INLINE:
        return InlineExecutor()
    return RayExecutor(workers.address, workers.count, workers.cpus, workers.gpus, workers.storage)


def proposal_lag(workers: Workers) -> int | None:
    """Return how far proposals run ahead of results: twice the workers, so that none waits for a slow one.

    None on a cluster of unknown size: there proposals depend on the order of finishing.
    """
    if workers.address == INLINE or (workers.count is None and workers.address != LOCAL):
        return None
    return 2 * (workers.count or max(1, (os.cpu_count() or 1) // workers.cpus))


def _study(config: SearchConfig, run: RunDirectory, where: Field, target: Target, shared: SharedStudy | None) -> Study:
    study = Study(
        where.restriction.space,
        config.constraints,
        target.metrics,
        sampler_name=config.sampler,
        seed=config.seed,
        run_dir=run,
        seeds=where.seeds,
        lag=proposal_lag(config.workers),
        only=listed_architectures(config.evaluator, where),
        shared=shared,
    )
    study.catch_up()
    return study


def _scored(study: Study) -> Study:
    """Return the study, unless all that it holds failed."""
    if study.front():
        return study
    reasons = dict.fromkeys(c.error or "unknown" for c in study.candidates)
    raise NasError(f"none of {study.counts.failed} candidates could be scored: {'; '.join(reasons)}")


def _teller(config: SearchConfig, study: Study, expected: int, watch: Watch, events: Events) -> OnResult:
    """Return what is called with every finished candidate: it keeps the event and shows the progress."""
    gives_accuracy = kind_of(config.evaluator).gives_accuracy

    def told(candidate: Candidate) -> None:
        events.candidate(candidate)
        counts = study.counts
        best = max((c.metrics.accuracy or 0.0 for c in study.front()), default=0.0)
        figure = f"{100 * best:.1f} %" if gives_accuracy else f"score {best:.3f}"
        if candidate.state == "failed":
            watch.say(f"candidate {candidate.number} failed: {candidate.error}")
        done = counts.evaluated + counts.failed
        watch.progress("search", done, max(done, expected), f"best {figure}, {counts.infeasible} over budget")

    return told


def _workers(workers: Workers, left: TimeLeft | None) -> Workers:
    """Return where candidates are scored: here, where starting workers would take much of the time that is left."""
    if left is None or workers.address != LOCAL or left.search_s() >= _WORTH_WORKERS_S:
        return workers
    return replace(workers, address=INLINE)
