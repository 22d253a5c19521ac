"""A Gaussian process over encoded architectures: what accuracy to expect, and how sure that is.

Small enough to be fitted anew for every proposal. The covariance of two networks falls with the answers in which they
differ and with the distance of their costs; a linear term lets accuracy rise with cost beyond what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from nas.search.samplers.encoding import Array

COSTS = 3  # the last columns of the features
_FEW = 100  # evaluations, spread evenly, by which the scales are chosen: that takes twenty solutions

Parts = tuple[Array, ...]  # distance of answers, distance and product of costs, each (N, N) or (M, N)


@dataclass(frozen=True, slots=True)
class Scales:
    """How quickly the covariance falls.

    Attributes:
        answers: per share of the questions answered differently.
        costs: per squared standard deviation of the costs.
        trend: variance of the linear term.
        noise: variance that no feature explains, of a total of about one.
    """

    answers: float = 3.0
    costs: float = 0.3
    trend: float = 1.0
    noise: float = 0.05


GRID = {
    "answers": (1.0, 3.0, 10.0),
    "costs": (0.03, 0.3, 1.0),
    "trend": (0.01, 0.3, 1.0, 3.0),
    "noise": (0.003, 0.01, 0.05, 0.2, 0.5),
}


class GaussianProcess:
    """Fitted to features (N, F) and accuracies (N,)."""

    def __init__(self, features: Array, values: Array, questions: int) -> None:
        self._questions = max(1, questions)
        self._middle = features[:, -COSTS:].mean(0)
        self._spread = features[:, -COSTS:].std(0) + 1e-9
        self._features = self._scaled(features)
        self._offset = float(values.mean())
        self._unit = float(values.std()) or 1.0
        self._values = (values - self._offset) / self._unit
        self._parts = self._distances(self._features)
        self.scales = self._fitted()
        self._factor, self._weights = _solved(self._parts, self._values, self.scales)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return the expected value and the standard deviation of an evaluation, each (M,), for features (M, F)."""
        rows = self._scaled(features)
        cross = _covariance(self._distances(rows), self.scales)
        own = 1.0 + self.scales.trend * (rows[:, -COSTS:] ** 2).mean(1) + self.scales.noise
        half = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = np.maximum(own - (half**2).sum(0), 1e-10)
        return self._offset + self._unit * (cross @ self._weights), self._unit * np.sqrt(variance)

    def _scaled(self, features: Array) -> Array:
        rows = features.copy()
        rows[:, -COSTS:] = (rows[:, -COSTS:] - self._middle) / self._spread
        return rows

    def _distances(self, rows: Array) -> tuple[Array, Array, Array]:
        """Return, against the fitted rows: distance of answers, distance and product of costs."""
        costs, ours = rows[:, -COSTS:], self._features[:, -COSTS:]
        answers = _squared(rows[:, :-COSTS], self._features[:, :-COSTS]) / (2 * self._questions)
        return answers, _squared(costs, ours) / COSTS, costs @ ours.T / COSTS

    def _fitted(self) -> Scales:
        """Take the likeliest value of each scale in turn."""
        some = slice(None, None, -(-len(self._values) // _FEW))
        values = self._values[some]
        parts = tuple(part[some, some] for part in self._parts)

        def likelihood(scales: Scales) -> float:
            factor, weights = _solved(parts, values, scales)
            return float(-0.5 * values @ weights - np.log(np.diag(factor)).sum())

        scales = Scales()
        for name in ("noise", "answers", "trend", "costs", "noise"):
            options = [replace(scales, **{name: value}) for value in GRID[name]]
            scales = max(options, key=likelihood)
        return scales


def _solved(parts: Parts, values: Array, scales: Scales) -> tuple[Array, Array]:
    """Return the Cholesky factor of the covariance, and the covariance's inverse times the values."""
    covariance = _covariance(parts, scales)
    covariance[np.diag_indices_from(covariance)] += scales.noise + 1e-8
    factor = cholesky(covariance, lower=True, check_finite=False)
    return factor, cho_solve((factor, True), values, check_finite=False)


def _covariance(parts: Parts, scales: Scales) -> Array:
    answers, costs, products = parts
    return np.asarray(np.exp(-scales.answers * answers - scales.costs * costs) + scales.trend * products)


def _squared(a: Array, b: Array) -> Array:
    """Return the squared distances of rows."""
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0.0))
