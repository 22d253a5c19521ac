"""Progress on a terminal: one bar a stage with the time left. Elsewhere only the lines that stay."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nas.search.watch import Watch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def make_watch() -> Iterator[Watch]:
    """Give what draws progress as long as the context lasts."""
    if not sys.stderr.isatty():
        yield LineWatch()
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    from rich.console import Console

    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120) as progress:
        yield TerminalWatch(progress)


class LineWatch:
    """Prints lines, and no progress."""

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, flush=True)

    def progress(self, stage: str, done: float, total: float, note: str = "") -> None:
        """Print nothing: a log would fill with it."""


class TerminalWatch:
    """Draws a bar for each stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def progress(self, stage: str, done: float, total: float, note: str = "") -> None:
        """Move a stage's bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total, note=note)
        self._progress.update(self._tasks[stage], completed=done, total=total, note=note)
