"""The surrogate of the accuracy: a Gaussian process and a forest, which err differently, averaged.

The process knows which networks are alike by their answers; the forest also how accuracy goes with MACs, parameters
and latency, which misleads a process that believes in straight lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nas.search.samplers.encoding import Array
from nas.search.samplers.forest import Forest
from nas.search.samplers.gaussian import GaussianProcess

if TYPE_CHECKING:
    from nas.search.samplers.task import Point


@dataclass(frozen=True)
class Ensemble:
    """Predicts accuracies of points.

    Attributes:
        process: over their answers.
        forest: over their answers and costs.
    """

    process: GaussianProcess
    forest: Forest

    def predict(self, points: Sequence[Point]) -> tuple[Array, Array]:
        """Return the expected accuracy and its standard deviation, each (M,), of M points."""
        means, deviations = zip(
            self.process.predict(np.array([p.answers for p in points])),
            self.forest.predict(np.array([p.features for p in points])),
            strict=True,
        )
        return np.mean(means, axis=0), np.sqrt(np.mean(np.square(deviations), axis=0))

    def surer_of(self, points: Sequence[Point], values: Array) -> Ensemble:
        """Return the ensemble whose process was fitted to other points and accuracies: all of them."""
        return replace(self, process=_process(points, values))


def fitted(points: Sequence[Point], values: Array) -> Ensemble:
    """Fit both to points and their accuracies (N,)."""
    return Ensemble(_process(points, values), Forest(np.array([p.features for p in points]), values))


def _process(points: Sequence[Point], values: Array) -> GaussianProcess:
    questions = len(points[0].encoding.parameters)
    return GaussianProcess(np.array([p.answers for p in points]), values, questions)
