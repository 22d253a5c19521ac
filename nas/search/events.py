"""TensorBoard event files of a run, where ``tensorboard`` is installed; nothing is written where it is not."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from nas.search.candidate import Candidate

FOLDER = "events"


class Events:
    """Writes figures of a run into its folder ``events``, for ``tensorboard --logdir runs``."""

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
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), flush_secs=10)
        for name in ("accuracy", "macs", "latency_ms"):
            self._writer.add_scalar(f"candidate/{name}", getattr(metrics, name), candidate.number)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
