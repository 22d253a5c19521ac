"""Evaluating a candidate: the one place where a failure becomes data.

Only plain data crosses to workers. An `EvaluatorSpec` says how to make an evaluator; the worker builds it once and
asks it for the accuracy of one architecture (a plain dictionary) after another.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from nas.errors import UserError


class Evaluator(Protocol):
    """Gives the search accuracy of one architecture after another."""

    def evaluate(self, architecture: dict[str, Any]) -> float:
        """Return the accuracy, in [0, 1], of the architecture that the plain data describe."""
        ...


class EvaluatorSpec(Protocol):
    """A picklable recipe for an evaluator."""

    def build(self) -> Evaluator:
        """Make the evaluator, in the process that will use it."""
        ...

    def packed(self) -> EvaluatorSpec:
        """Return a recipe that holds the content of every file it needs, for workers on other machines."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What evaluating a candidate gave: an accuracy, or the reason why there is none."""

    accuracy: float | None
    error: str | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"accuracy": self.accuracy, "error": self.error, "seconds": self.seconds}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """Read plain data."""
        return cls(data["accuracy"], data["error"], data["seconds"])


def run_evaluation(evaluator: Evaluator, architecture: dict[str, Any]) -> Evaluation:
    """Evaluate one architecture; whatever goes wrong with it is told, not raised."""
    start = time.perf_counter()
    accuracy: float | None = None
    error: str | None = None
    try:
        accuracy = float(evaluator.evaluate(architecture))
    except Exception as problem:  # one bad candidate must not end the search, whatever its code raised
        error = one_line(problem)
    if accuracy is not None and not 0 <= accuracy <= 1:  # also true of NaN
        error = "accuracy is not a number" if math.isnan(accuracy) else f"accuracy {accuracy} is not within 0 and 1"
        accuracy = None
    return Evaluation(accuracy, error, time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """Evaluates with a function found by its import path, ``"package.module:function"``."""

    path: str

    def build(self) -> Evaluator:
        """Import the function.

        Raises:
            UserError: if the path names no function.
        """
        module_name, _, function_name = self.path.partition(":")
        try:
            function = getattr(importlib.import_module(module_name), function_name)
        except (ImportError, AttributeError, ValueError) as error:
            raise UserError(f"evaluator {self.path!r} cannot be imported ({error})") from None
        return cast(Evaluator, _FunctionEvaluator(function))

    def packed(self) -> FunctionSpec:
        """Return itself: the code must be installed on the workers."""
        return self


@dataclass(frozen=True, slots=True)
class _FunctionEvaluator:
    function: Any

    def evaluate(self, architecture: dict[str, Any]) -> float:
        return float(self.function(architecture))


def one_line(problem: Exception) -> str:
    """Return an exception as one line; a message that is meant for a person as it stands."""
    text = " ".join(str(problem).split())[:500]
    if isinstance(problem, UserError):
        return text
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
