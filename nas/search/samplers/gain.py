"""The gain in hypervolume that evaluating an architecture is expected to bring.

MACs are known before, only the accuracy is uncertain, so the expectation is exact: over each range of cost the front
stands at some accuracy, and what is expected above it is a formula (as in the expected improvement of Jones et al.,
1998). With accuracy as the only goal all costs are equal, and this is the expected improvement itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from nas import pareto
from nas.search.samplers.encoding import Array


def expected_gain(
    mean: Array, deviation: Array, costs: Array, evaluated: Sequence[pareto.Point], ceiling: float
) -> Array:
    """Return the expected gain of each of M proposals.

    Args:
        mean: expected accuracies, (M,).
        deviation: their standard deviations, (M,).
        costs: known costs, (M,).
        evaluated: accuracy and cost of what is known.
        ceiling: the cost up to which the front counts.
    """
    members = [evaluated[i] for i in pareto.front(evaluated)]
    floor = min(accuracy for accuracy, _ in evaluated)
    levels = np.array([floor, *(accuracy for accuracy, _ in members)])
    starts = np.array([-np.inf, *(cost for _, cost in members)])
    ends = np.array([*(cost for _, cost in members), ceiling])
    widths = np.maximum(0.0, ends[None] - np.maximum(starts[None], costs[:, None]))
    z = (mean[:, None] - levels[None]) / deviation[:, None]
    above = deviation[:, None] * (z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))
    return np.asarray((widths * above).sum(1))
