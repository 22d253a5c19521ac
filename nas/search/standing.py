"""Where a running search stands, kept in its run as ``progress.json`` for whoever looks from outside."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas import runs, schema
from nas.errors import INTERRUPTED_CODE, TERMINATED_CODE, NasError, UserError

if TYPE_CHECKING:
    from nas.runs import RunDirectory
    from nas.search.watch import Watch

STOPPED = "stopped by Ctrl-C or SIGTERM"
_STOPPED_CODES = (INTERRUPTED_CODE, TERMINATED_CODE)
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """One sitting of a run: from its start, or from where it was resumed, to its end.

    Attributes:
        pid: of the process that searches.
        host: the machine that it runs on.
        began: when this sitting began, in seconds since 1970; as are the other times.
        updated: when this was written.
        earlier_seconds: how long the sittings before it took.
        stage: what is under way; empty before the first stage.
        stage_began: when this stage began in this sitting.
        first: how far the stage was then, in units of its own.
        done: how far it is now.
        total: how far it will go.
        error: what ended the sitting; None while it goes on and after a good end.
    """

    pid: int
    host: str
    began: float
    updated: float
    earlier_seconds: float = 0.0
    stage: str = ""
    stage_began: float = 0.0
    first: float = 0.0
    done: float = 0.0
    total: float = 0.0
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long the run took until this was written, all sittings together."""
        return self.earlier_seconds + self.updated - self.began

    def stage_seconds_left(self, now: float) -> float | None:
        """Estimate the rest of the stage from its pace in this sitting; None before anything of it was done."""
        progressed = self.done - self.first
        if progressed <= 0 or self.total <= 0:
            return None
        pace_s = (self.updated - self.stage_began) / progressed
        return max(0.0, pace_s * (self.total - self.done) - (now - self.updated))


def read_standing(path: Path) -> Standing | None:
    """Return what the run at `path` keeps of its last sitting; None if there is nothing.

    Raises:
        UserError: if it is damaged.
    """
    document = path / runs.PROGRESS
    if not document.is_file():
        return None
    return schema.read(Standing, runs.read_json(document), source=str(document))


@dataclass
class StandingWatch:
    """Passes news on, and keeps in the run how far it is."""

    run: RunDirectory
    watch: Watch
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        try:
            before = read_standing(self.run.path)
        except UserError:  # it only tells: a damaged one is written anew
            before = None
        now = time.time()
        earlier = 0.0 if before is None else before.seconds
        self.standing = Standing(os.getpid(), platform.node(), began=now, updated=now, earlier_seconds=earlier)
        self._write()

    def say(self, text: str) -> None:
        """Pass a line on."""
        self.watch.say(text)

    def progress(self, stage: str, done: float, total: float, note: str = "") -> None:
        """Pass progress on, and write it down, once a second at most."""
        self.watch.progress(stage, done, total, note)
        now, last = time.time(), self.standing
        early = stage == last.stage and now - last.updated < _EVERY_S
        if stage != last.stage:
            last = replace(last, stage=stage, stage_began=now, first=float(done))
        self.standing = replace(last, done=float(done), total=float(total), updated=last.updated if early else now)
        if not early:
            self._write()

    def end(self, error: str | None) -> None:
        """Write down that the sitting is over."""
        self.standing = replace(self.standing, updated=time.time(), error=error)
        self._write()

    def _write(self) -> None:
        with suppress(OSError):  # what only tells must not end a search
            self.run.write_json(runs.PROGRESS, self.standing)


@contextmanager
def noted(run: RunDirectory, watch: Watch) -> Iterator[Watch]:
    """Give a watch that keeps in the run how far it is, and what ended it."""
    keeper = StandingWatch(run, watch)
    try:
        yield keeper
    except KeyboardInterrupt:
        keeper.end(STOPPED)
        raise
    except Exception as error:
        stopped = isinstance(error, NasError) and error.exit_code in _STOPPED_CODES
        keeper.end(STOPPED if stopped else " ".join(str(error).split()) or type(error).__name__)
        raise
    keeper.end(None)
