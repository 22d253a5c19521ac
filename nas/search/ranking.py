"""Does a supernet rank? Accuracies inherited from it beside those of the same networks trained alone.

A search needs the order of its candidates, not their accuracies, so what counts is Kendall's rank correlation
between the two (Yu et al. 2020, arXiv 2001.01431, judge weight sharing by it). MACs alone order networks well
too: their correlation is given beside it, because a supernet that does not beat it is of no use.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas import runs, schema
from nas.cost.cost import CostModel
from nas.data.batches import EvaluationBatches
from nas.model.network import build
from nas.search.supernet_evaluator import at_resolution
from nas.training.device import placed
from nas.training.loop import Callbacks, Progress
from nas.training.recipe import Recipe
from nas.training.train import Score, score, train

if TYPE_CHECKING:
    import torch

    from nas.data import ImageData
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

_DRAWN_PER_WANTED = 20
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Correlation:
    """Kendall's tau-b with a 95 % interval, from drawing the pairs anew with replacement.

    Attributes:
        tau: from -1 (reversed) over 0 (unrelated) to 1 (the same order).
        low: end of the interval.
        high: end of the interval.
    """

    tau: float
    low: float
    high: float


def correlation(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Correlation:
    """Return how far two lists of numbers of the same things are in the same order.

    Raises:
        ValueError: if they are not equally long, or hold fewer than three numbers.
    """
    if len(first) != len(second) or len(first) < 3:
        raise ValueError(f"two lists of three or more numbers are needed, got {len(first)} and {len(second)}")
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(len(a), size=len(a)) for _ in range(_RESAMPLES))
    taus = [_tau(a[picked], b[picked]) for picked in drawn]
    low, high = np.quantile(taus, [0.025, 0.975])
    return Correlation(_tau(a, b), float(low), float(high))


def _tau(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """Return Kendall's tau-b; 0 where one of the lists is constant."""
    upper = np.triu_indices(len(a), 1)
    above, beside = (np.sign(x[:, None] - x[None, :])[upper] for x in (a, b))
    untied = math.sqrt(float(np.abs(above).sum()) * float(np.abs(beside).sum()))
    return float((above * beside).sum()) / untied if untied else 0.0


def spread(space: SearchSpace, count: int, *, seed: int) -> list[Architecture]:
    """Return random architectures whose MACs are spread over those of the space, from the fewest on.

    Of twenty times as many draws, those nearest to evenly spaced logarithms of MACs are taken.
    """
    rng, costs = random.Random(seed), CostModel()
    drawn = {a.digest: a for a in (space.sample(rng) for _ in range(count * _DRAWN_PER_WANTED))}
    size = {digest: math.log(costs.cost(a).macs) for digest, a in drawn.items()}
    low, high = min(size.values()), max(size.values())
    taken: list[str] = []
    for i in range(min(count, len(drawn))):
        wanted = low + (high - low) * i / max(1, count - 1)
        taken.append(min((d for d in drawn if d not in taken), key=lambda d: (abs(size[d] - wanted), d)))
    return [drawn[d] for d in sorted(taken, key=lambda d: (size[d], d))]


class AloneTrainings:
    """Trains networks from scratch and keeps every finished score in a file of records.

    Args:
        data: the data set, at the largest resolution of the space.
        recipe: how each is trained; its seed is replaced.
        file: whole JSON lines, one a finished training; those of an equal recipe and data set are not repeated.
        device: where they are trained.
    """

    def __init__(self, data: ImageData, recipe: Recipe, file: Path, device: torch.device) -> None:
        self._data = data
        self._recipe = recipe
        self._file = file
        self._device = device
        self._scoring = EvaluationBatches(data, "search")
        known = runs.read_records(file) if file.is_file() else []
        self._known = {  # earlier versions kept no loss
            self._key(r["digest"], r["recipe"], r["data"]): Score(float(r["accuracy"]), float(r["loss"]))
            for r in known
            if "loss" in r
        }

    def score(
        self, architecture: Architecture, seed: int, *, progress: Callable[[Progress], None] | None = None
    ) -> Score:
        """Return the score on the search split that the architecture has after training alone."""
        recipe = replace(self._recipe, seed=seed)
        document = schema.to_dict(recipe)
        key = self._key(architecture.digest, document, self._data.digest)
        if key not in self._known:
            network = placed(at_resolution(build(architecture, seed=seed), architecture), self._device)
            result = train(network, self._data, recipe, callbacks=Callbacks(progress=progress))
            self._known[key] = score(network, self._scoring)
            record = {
                "digest": architecture.digest,
                "recipe": document,
                "data": self._data.digest,
                "accuracy": self._known[key].accuracy,
                "loss": self._known[key].loss,
                "seconds": round(result.seconds, 2),
                "architecture": architecture.to_dict(),
            }
            runs.append_record(self._file, record)
        return self._known[key]

    @staticmethod
    def _key(digest: str, recipe: Mapping[str, Any], data: str) -> tuple[str, str, str]:
        return digest, json.dumps(recipe, sort_keys=True), data
