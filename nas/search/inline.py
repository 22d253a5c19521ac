"""Evaluating in this process, one candidate after another: tiny runs and tests."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nas.search.evaluate import EvaluatorSpec, run_evaluation
from nas.search.executor import OnResult, Outcome, Progress, ShouldStop, Source


class InlineExecutor:
    """Evaluates in the calling process. Ctrl-C drops the evaluation it interrupts and keeps all before it."""

    def run(
        self,
        study: Source,
        evaluator_spec: EvaluatorSpec,
        evaluations: int,
        on_result: OnResult,
        should_stop: ShouldStop,
    ) -> Outcome:
        """See `Executor.run`."""
        progress = Progress(study, evaluations, on_result, should_stop)
        evaluator = evaluator_spec.build()
        with _Interrupt() as interrupt:
            while not interrupt.seen and (candidate := progress.next()) is not None:
                try:
                    with interrupt.welcome():
                        evaluation = run_evaluation(evaluator, candidate.architecture.to_dict())
                except KeyboardInterrupt:
                    break
                progress.finish(candidate, evaluation)
        return "interrupted" if interrupt.seen else progress.outcome or "finished"


class _Interrupt:
    """Ctrl-C as a flag, which only cuts short what runs under `welcome`: never a result being written."""

    def __init__(self) -> None:
        self.seen = False
        self._welcome = False
        self._previous: Any = None

    @contextmanager
    def welcome(self) -> Iterator[None]:
        """Mark code that an interrupt may cut short."""
        self._welcome = True
        try:
            yield
        finally:
            self._welcome = False

    def __enter__(self) -> _Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        impatient = self.seen
        self.seen = True
        if impatient or self._welcome:
            raise KeyboardInterrupt
