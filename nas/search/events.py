"""TensorBoard event files of a run, where ``tensorboard`` is installed; nothing is written where it is not."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from nas.search.candidate import Candidate
    from nas.training.loop import Progress

FOLDER = "events"
_FLUSH_SECONDS = 10
_LONGEST_NAME = 80


class Events:
    """Writes figures of a run into its folder ``events``, for ``tensorboard --logdir runs``.

    Candidates lie in the folder itself, each training in a folder of its own, so that their losses lie in one chart.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._there = importlib.util.find_spec("tensorboard") is not None
        self._writer: Any = None

    def candidate(self, candidate: Candidate) -> None:
        """Add a finished candidate, by its number."""
        metrics = candidate.metrics
        if not self._there or metrics.accuracy is None:
            return
        if self._writer is None:
            self._writer = _writer(self._folder)
        for name in ("accuracy", "macs", "latency_ms"):
            self._writer.add_scalar(f"candidate/{name}", getattr(metrics, name), candidate.number)

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[Progress], None]]:
        """Give what adds a step of the training `name`: all that the step reported, by its number.

        A training that was killed repeats steps; from its first one on, what was written before is no longer shown.
        """
        folder = self._folder / re.sub(r"[^\w-]+", "-", name)[:_LONGEST_NAME]
        writer: Any = None

        def add(at: Progress) -> None:
            nonlocal writer
            if not self._there:
                return
            if writer is None:
                writer = _writer(folder, first=at.step)
            for metric, value in at.metrics.items():
                writer.add_scalar(metric, value, at.step)

        try:
            yield add
        finally:
            if writer is not None:
                writer.close()

    def close(self) -> None:
        """Write what is left of the candidates."""
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path, *, first: int | None = None) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), flush_secs=_FLUSH_SECONDS, purge_step=first)
