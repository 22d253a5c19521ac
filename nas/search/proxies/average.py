"""The mean of ranks: what several proxies agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

# Chosen on another sample of cells than the one that docs/benchmarks.md reports.
MEMBERS = ("params", "macs", "naswot")


def rank_average(scores: Mapping[str, Sequence[float]], members: Sequence[str] = MEMBERS) -> NDArray[np.float64]:
    """Return each network's mean rank over proxies, from 0 (the worst) to 1 (the best).

    Args:
        scores: of each proxy, the scores of the same N networks; N of at least 2.
        members: the proxies that count.
    """
    ranks = [(rankdata(np.asarray(scores[name], dtype=float)) - 1) / (len(scores[name]) - 1) for name in members]
    return np.asarray(np.mean(ranks, axis=0))
