"""The answer in words: is the winner better than the known designs, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from nas.search.objective import Metrics


class Trained(Protocol):
    """A network that was trained to its end, such as `nas.search.finalists.Finalist`."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def metrics(self) -> Metrics:
        """What it costs."""
        ...

    @property
    def test_accuracy(self) -> float:
        """On the test split."""
        ...

    @property
    def known(self) -> bool:
        """Whether it is a known design."""
        ...


def verdict(winner: Trained, finalists: Sequence[Trained], test_images: int) -> str:
    """Compare the winner with the best known design within the budget.

    Args:
        winner: the network that the selection rule names.
        finalists: everything that was trained, known designs included.
        test_images: how many images the test accuracies rest on.
    """
    if winner.known:
        return f"Take {winner.name}: no network that the search found is better within the budget."
    rivals = [f for f in finalists if f.known]
    if not rivals:
        return "No known design of this space is within the budget, so the winner has nothing to be compared with."
    rival = max(rivals, key=lambda f: (f.test_accuracy, -f.metrics.macs))
    points = 100 * (winner.test_accuracy - rival.test_accuracy)
    macs = winner.metrics.macs / rival.metrics.macs
    if points <= 0 and macs >= 1:
        return f"Take {rival.name}: it is {-points:.1f} points more accurate than the winner with {_times(1 / macs)}."
    noise = 196 * math.sqrt(max(rival.test_accuracy * (1 - rival.test_accuracy), 1e-9) / test_images)
    caveat = (
        f" (within the noise of {test_images} test images, about {noise:.1f} points)" if abs(points) < noise else ""
    )
    return (
        f"Against {rival.name}, the best known design within the budget: {points:+.1f} points{caveat}, {_times(macs)}."
    )


def _times(ratio: float) -> str:
    if ratio <= 1:
        return f"{100 * (1 - ratio):.0f} % fewer MACs"
    return f"{100 * (ratio - 1):.0f} % more MACs"
