"""A forest over answers and costs: what accuracy to expect, and how far its trees differ.

Extremely randomised trees (Geurts et al. 2006, doi:10.1007/s10994-006-6226-1), as scikit-learn grows them.
"""

from __future__ import annotations

import numpy as np

from nas.search.samplers.encoding import Array

_TREES = 30
_SHARE = 1 / 3  # of the features that each split may choose from: quicker, and trees that differ


class Forest:
    """Fitted to features (N, F) and accuracies (N,); the same features give the same forest."""

    def __init__(self, features: Array, values: Array) -> None:
        from sklearn.tree import ExtraTreeRegressor

        rows = features.astype(np.float32)
        trees = (ExtraTreeRegressor(max_features=_SHARE, random_state=i) for i in range(_TREES))
        # The bare trees are asked: scikit-learn's checks of 150 rows would take longer than the trees do.
        self._trees = [tree.fit(rows, values, check_input=False).tree_ for tree in trees]

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation over the trees, each (M,), for features (M, F)."""
        rows = features.astype(np.float32)
        each = np.array([tree.predict(rows)[:, 0] for tree in self._trees])
        return each.mean(0), each.std(0)
