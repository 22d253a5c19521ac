"""The Ray executor as the rest of the program sees it: settings, environment, and one call into `ray_tune`.

Ray reads part of its environment when it is imported, so that is set here first; and naming an executor costs
nothing, because ray is only imported when it runs.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nas.errors import UserError
from nas.search import cluster, nodes, shared_data
from nas.search.evaluate import EvaluatorSpec
from nas.search.executor import OnResult, Outcome, Progress, ShouldStop, Source

_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # the new reporter prints even at verbose=0
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # five files a candidate, and most of the time of a short one
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune would drop what runs, and return as if all were well
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",  # else workers start one by one; the searcher bounds them
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # Tune's own snapshots are never read
}


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """Evaluates on Ray workers, with Ray Tune.

    Attributes:
        address: ``local`` starts Ray on this machine for the time of the search; ``auto`` or ``HOST:PORT`` joins
            a cluster that runs.
        workers: candidates evaluated at once; None takes as many as fit.
        cpus_per_worker: CPUs, and torch threads, of a worker.
        gpus_per_worker: GPUs, or a share of one, of a worker.
        storage: folder or bucket URI for data that nodes of a cluster do not see by themselves.
    """

    address: str = cluster.LOCAL
    workers: int | None = None
    cpus_per_worker: int = 1
    gpus_per_worker: float = 0
    storage: str | None = None

    def __post_init__(self) -> None:
        cluster.checked_address(self.address)
        if self.workers is not None and self.workers < 1:
            raise UserError(f"at least one worker is needed, got {self.workers}")
        if self.storage is not None:
            shared_data.checked_storage(self.storage)
        if self.gpus_per_worker > 1 and self.gpus_per_worker % 1:
            raise UserError(f"a worker takes a share of one GPU or whole ones, got {self.gpus_per_worker:g}")
        if self.cpus_per_worker < 1 or self.gpus_per_worker < 0:
            wanted = f"{self.cpus_per_worker} and {self.gpus_per_worker}"
            raise UserError(f"a worker needs 1 CPU or more and 0 GPUs or more, got {wanted}")

    def run(
        self,
        study: Source,
        evaluator_spec: EvaluatorSpec,
        evaluations: int,
        on_result: OnResult,
        should_stop: ShouldStop,
    ) -> Outcome:
        """See `Executor.run`."""
        with _put_back():
            prepare_environment(self.address)
            from nas.search import ray_tune

            progress = Progress(study, evaluations, on_result, should_stop)
            local = self.address == cluster.LOCAL
            with _scratch() as scratch, ray_tune.connected(self, scratch):
                spec = evaluator_spec if local else self._for_nodes(evaluator_spec)
                ray_tune.run(self, spec, progress, scratch)
        return progress.outcome or "finished"

    def check(self, data: Path | None) -> None:
        """Refuse, before any work, a cluster that does not answer, whose nodes cannot evaluate, or a useless storage.

        Args:
            data: the data's place on this machine; None where a name says it all.

        Raises:
            UserError: if something is wrong.
        """
        if self.address != cluster.LOCAL:
            found = cluster.probe(self.address, cpus=self.cpus_per_worker, gpus=self.gpus_per_worker, data=data)
            nodes.require_program(found)
            nodes.all_see(found, data, self.storage)
        if self.storage is not None:
            shared_data.require_place(self.storage)

    def _for_nodes(self, spec: EvaluatorSpec) -> EvaluatorSpec:
        """Return a recipe that every node of the cluster can follow.

        Raises:
            UserError: if a node has not this program, or does not see the data and there is no shared place for them.
        """
        from nas.search import ray_nodes

        path = shared_data.data_path(getattr(spec, "data", None), getattr(spec, "data_root", None))
        found = ray_nodes.look(path, ray_nodes.Needs(self.cpus_per_worker, self.gpus_per_worker))
        nodes.require_program(found)
        if nodes.all_see(found, path, self.storage):
            return spec.packed()
        assert path is not None
        assert self.storage is not None
        return shared_data.shared(spec, path, self.storage).packed()


def prepare_environment(address: str) -> None:
    """Set what Ray reads from the environment, unless the user set it; before ray is imported."""
    chosen = dict(_ENVIRONMENT)
    if address == cluster.LOCAL and "ray" not in sys.modules:
        # Ray listens beyond this machine; only who has the token may use it.
        chosen |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    if address != cluster.LOCAL:
        chosen |= cluster.token_environment()
    for name, value in chosen.items():
        os.environ.setdefault(name, value)


@contextmanager
def _put_back() -> Iterator[None]:
    """Leave Tune's settings and Ray's loggers as they were: the caller may have Ray jobs of its own."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    loggers = [logging.getLogger(name) for name in ("ray", "ray.tune")]
    levels = [logger.level for logger in loggers]
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder for what Ray and Tune want to write; nothing in it is kept."""
    # Ray puts sockets below it, whose paths may have 107 bytes: so not the user's TMPDIR.
    short = Path("/tmp")
    path = Path(tempfile.mkdtemp(prefix="nas-", dir=short if short.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
