"""A Gaussian process over answers: what accuracy to expect, and how sure that is.

Small enough to be fitted anew for every proposal. The covariance of two networks falls with the answers in which they
differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from nas.search.samplers.encoding import Array

_FEW = 100  # evaluations, spread evenly, by which the scales are chosen: that takes a dozen solutions


@dataclass(frozen=True, slots=True)
class Scales:
    """How quickly the covariance falls.

    Attributes:
        answers: per share of the questions answered differently.
        noise: variance that no answer explains, of a total of about one.
    """

    answers: float = 3.0
    noise: float = 0.05


GRID = {"answers": (1.0, 3.0, 10.0), "noise": (0.003, 0.01, 0.05, 0.2, 0.5)}


class GaussianProcess:
    """Fitted to encoded answers (N, F) of so many questions, and accuracies (N,)."""

    def __init__(self, answers: Array, values: Array, questions: int) -> None:
        self._questions = max(1, questions)
        self._answers = answers
        self._offset = float(values.mean())
        self._unit = float(values.std()) or 1.0
        self._values = (values - self._offset) / self._unit
        self._distances = self._shares(answers)
        self.scales = self._fitted()
        self._factor, self._weights = _solved(self._distances, self._values, self.scales)

    def predict(self, answers: Array) -> tuple[Array, Array]:
        """Return the expected value and the standard deviation of an evaluation, each (M,), for answers (M, F)."""
        cross = np.exp(-self.scales.answers * self._shares(answers))
        half = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = np.maximum(1.0 + self.scales.noise - (half**2).sum(0), 1e-10)
        return self._offset + self._unit * (cross @ self._weights), self._unit * np.sqrt(variance)

    def _shares(self, answers: Array) -> Array:
        """Return which share of the questions is answered differently from each fitted row."""
        return _squared(answers, self._answers) / (2 * self._questions)

    def _fitted(self) -> Scales:
        """Take the likeliest value of each scale in turn."""
        some = slice(None, None, -(-len(self._values) // _FEW))
        values = self._values[some]
        distances = self._distances[some, some]

        def likelihood(scales: Scales) -> float:
            factor, weights = _solved(distances, values, scales)
            return float(-0.5 * values @ weights - np.log(np.diag(factor)).sum())

        scales = Scales()
        for name in ("noise", "answers", "noise"):
            options = [replace(scales, **{name: value}) for value in GRID[name]]
            scales = max(options, key=likelihood)
        return scales


def _solved(distances: Array, values: Array, scales: Scales) -> tuple[Array, Array]:
    """Return the Cholesky factor of the covariance, and the covariance's inverse times the values."""
    covariance = np.exp(-scales.answers * distances)
    covariance[np.diag_indices_from(covariance)] += scales.noise + 1e-8
    factor = cholesky(covariance, lower=True, check_finite=False)
    return factor, cho_solve((factor, True), values, check_finite=False)


def _squared(a: Array, b: Array) -> Array:
    """Return the squared distances of rows."""
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0.0))
