"""Ray Tune as the executor of a study; with `ray_nodes` the only file that imports ray.

Tune starts workers, replaces lost ones and passes results on. The study is the truth; what Tune writes is thrown
away, and a resumed search starts a new Tune experiment. Workers are reused from candidate to candidate and keep
their evaluator.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray.tune.search import Searcher

from nas.errors import NasError, UserError
from nas.search import cluster
from nas.search.candidate import Candidate
from nas.search.evaluate import Evaluation, EvaluatorSpec, one_line, run_evaluation
from nas.search.executor import Progress
from nas.search.ray_nodes import Needs, room

if TYPE_CHECKING:
    from nas.search.ray_executor import RayExecutor

# A worker that dies (memory, a lost machine) is replaced this often for one candidate. Errors of the candidate
# itself are results, and not tried again.
_MAX_FAILURES = 2
_BROKEN = "broken"  # the result of a worker that has no evaluator: why
_OBJECT_STORE_BYTES = 256 * 2**20


@contextmanager
def connected(settings: RayExecutor, scratch: Path) -> Iterator[None]:
    """Connect to Ray, unless the caller did, and leave it in the end.

    Raises:
        UserError: if the cluster cannot be joined.
    """
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": "CRITICAL", "log_to_driver": False}
    with _own_sigterm():
        _connect(settings, scratch, quiet)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(settings: RayExecutor, scratch: Path, quiet: dict[str, Any]) -> None:
    if settings.address == cluster.LOCAL:
        ray.init(
            address=cluster.LOCAL,  # otherwise a cluster on this machine, or the trace of a dead one, is joined
            num_cpus=settings.workers * settings.cpus_per_worker if settings.workers else None,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            # The workers shall find what this process finds, also where nothing is installed.
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
            _temp_dir=str(scratch),
            **quiet,
        )
    else:
        cluster.probe(settings.address)
        ray.init(address=settings.address, **quiet)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the program's answer to SIGTERM: Ray puts its own in place, which ends the process on the spot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(settings: RayExecutor, spec: EvaluatorSpec, progress: Progress, scratch: Path) -> None:
    """Evaluate until `progress` has an outcome, or Ctrl-C.

    Raises:
        UserError: if no worker fits.
        Exception: what the study or the caller's callbacks raised.
    """
    searcher = _StudySearcher(progress, _worker_count(settings))
    # with_parameters puts the recipe into the object store once, so that its content reaches each node once.
    worker = tune.with_parameters(_Worker, spec=spec, threads=settings.cpus_per_worker)
    resources = {"cpu": settings.cpus_per_worker, "gpu": settings.gpus_per_worker}
    tuner = tune.Tuner(
        tune.with_resources(worker, resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=-1,  # the searcher says when it is done
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            storage_path=str(scratch),
            verbose=0,
            progress_reporter=_Silence(),
            failure_config=tune.FailureConfig(max_failures=_MAX_FAILURES),
            # Without a checkpoint nothing needs a file system that all nodes share.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    stop: type[BaseException] | None = None
    try:
        tuner.fit()
    except KeyboardInterrupt as interrupt:
        stop = type(interrupt)
    if stop is not None:
        # Workers end when nothing refers to them any more; the traceback does, and Tune's objects among themselves.
        del tuner, worker, searcher
        gc.collect()
        raise stop
    if searcher.error is not None:
        raise searcher.error


def _worker_count(settings: RayExecutor) -> int:
    fits = room(Needs(settings.cpus_per_worker, settings.gpus_per_worker))
    return min(settings.workers or fits, fits)


class _Silence(tune.ProgressReporter):  # type: ignore[misc]  # ray has no types
    """Shows nothing: Tune's own reporter clears what a notebook's cell has shown so far."""

    def should_report(self, *_: object, **__: object) -> bool:
        """Never."""
        return False

    def report(self, *_: object, **__: object) -> None:
        """Never called."""


class _StudySearcher(Searcher):  # type: ignore[misc]  # ray has no types
    """Gives Tune the study's candidates, and the study Tune's results."""

    def __init__(self, progress: Progress, workers: int) -> None:
        super().__init__()  # no metric: a result without it would end the experiment
        self.error: Exception | None = None
        self._progress = progress
        self._workers = workers
        self._running: dict[str, Candidate] = {}

    def set_search_properties(self, *_: object, **__: object) -> bool:
        """Accept what Tune offers; the study knows its goals."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next candidate as a Tune config, None while there is nothing to start, or FINISHED."""
        # Tune would queue candidates ahead, drawn before the results that they should be drawn from.
        if self.error is None and len(self._running) < self._workers:
            with self._kept_errors():
                candidate = self._progress.next()
                if candidate is not None:
                    self._running[trial_id] = candidate
                    # As text: Tune would otherwise list every number of it as a hyperparameter.
                    return {"architecture": json.dumps(candidate.architecture.to_dict())}
        going_on = self.error is None and self._progress.outcome is None
        return None if going_on else str(Searcher.FINISHED)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass a result on; a worker that was lost too often is a failed evaluation."""
        candidate = self._running.pop(trial_id, None)
        if candidate is None or self.error is not None:
            return
        evaluation = Evaluation(None, f"the worker was lost {_MAX_FAILURES + 1} times (out of memory?)", 0.0)
        if result is not None and "seconds" in result and not error:
            evaluation = Evaluation.from_dict(result)
        with self._kept_errors():
            if result is not None and _BROKEN in result:
                # No fault of the candidate: it stays asked for, and a resumed search evaluates it.
                raise UserError(f"a worker cannot evaluate: {result[_BROKEN]}")
            self._progress.finish(candidate, evaluation)

    @contextmanager
    def _kept_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Tune would bury it in its own; it is raised again when Tune is done
            self.error = error

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the study keeps itself."""

    def restore(self, checkpoint_path: str) -> None:
        """Refuse: Tune's experiments are never restored."""
        raise NasError(f"{checkpoint_path}: a Tune experiment cannot be restored; resume the run instead")

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its searcher; the study stays here.
        return {}


class _Worker(tune.Trainable):  # type: ignore[misc]  # ray has no types
    """Builds its evaluator once, then evaluates one candidate after another."""

    def setup(self, config: dict[str, Any], spec: EvaluatorSpec, threads: int) -> None:
        """Keep what the first step builds.

        A worker that is long in coming is lost again: Tune gives its candidate to the next one that becomes free.
        """
        self._architecture = json.loads(config["architecture"])
        self._spec: EvaluatorSpec | None = spec
        self._threads = threads

    def step(self) -> dict[str, Any]:
        """Evaluate the candidate; where no evaluator can be made here, say so instead."""
        if self._spec is not None:
            try:
                self._build(self._spec)
            except Exception as problem:  # whatever it is, it must reach the user as text
                return {_BROKEN: f"{platform.node()}: {one_line(problem)}", "done": True}
        return {**run_evaluation(self._evaluator, self._architecture).to_dict(), "done": True}

    def _build(self, spec: EvaluatorSpec) -> None:
        self._evaluator = spec.build()
        self._spec = None
        if "torch" in sys.modules:
            import torch

            # More threads than CPUs make workers several times slower.
            torch.set_num_threads(self._threads)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Go on to the next candidate in the same process."""
        self._architecture = json.loads(new_config["architecture"])
        return True
