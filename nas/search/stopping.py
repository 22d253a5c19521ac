"""Ctrl-C while candidates are evaluated: once to finish those that run, twice to stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from nas.errors import INTERRUPTED_CODE, TERMINATED_CODE, NasError


class InterruptedRunError(NasError):
    """Ctrl-C or SIGTERM ended a search before its end; nothing finished is lost. Exit code 130 or 143."""

    exit_code = INTERRUPTED_CODE

    def __init__(self, message: str, *, terminated: bool = False) -> None:
        super().__init__(message)
        if terminated:
            self.exit_code = TERMINATED_CODE


class Stopping:
    """Whether the user has asked to stop; call it to know."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._asked = False

    def __call__(self) -> bool:
        """Say whether Ctrl-C was pressed."""
        return self._asked

    def press(self, _signal: int, _frame: FrameType | None) -> None:
        """Note the first Ctrl-C; at the second raise what it would have raised at once."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        with suppress(RuntimeError):  # the signal may come in the middle of another line
            self._say("stopping once the running evaluations are finished; Ctrl-C again stops now")


@contextmanager
def stopping(say: Callable[[str], None]) -> Iterator[Stopping]:
    """Give what knows whether Ctrl-C was pressed inside; only the main thread hears it."""
    asked = Stopping(say)
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGINT, asked.press)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
