"""The finalists: a few of the front and the best known designs, trained further and scored once on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas.data import ImageData
from nas.data.batches import EvaluationBatches
from nas.model.network import build
from nas.search.candidate import Candidate
from nas.search.objective import Metrics
from nas.search.supernet_evaluator import CALIBRATION_BATCH_SIZE, at_resolution, inherit
from nas.search.watch import Watch
from nas.training.device import placed
from nas.training.loop import Callbacks, Progress
from nas.training.recipe import Recipe
from nas.training.train import evaluate, train

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nas.model.supernet import Supernet
    from nas.space.architecture import Architecture

_WIDER_SLACK = 2.0  # finalists may lie this many slacks below the best: inherited accuracies are rough
_SEED = "seed:"


@dataclass(frozen=True)
class Finalist:
    """A candidate after its own training.

    Attributes:
        name: of a known design, or ``finalist-<n>``.
        candidate: as the search saw it, with its inherited accuracy.
        metrics: with the accuracy on the search split after its own training.
        test_accuracy: on the test split.
        network: trained, in eval mode, on the CPU.
        known: whether it is a known design (a baseline).
    """

    name: str
    candidate: Candidate
    metrics: Metrics
    test_accuracy: float
    network: nn.Module
    known: bool

    @property
    def architecture(self) -> Architecture:
        """What was trained."""
        return self.candidate.architecture


def choose_finalists(front: Sequence[Candidate], count: int, slack: float) -> list[Candidate]:
    """Return at most `count` members of the front near its best accuracy, evenly spread with both ends."""
    best = max(_accuracy(c) for c in front)
    near = [c for c in front if _accuracy(c) >= best - _WIDER_SLACK * slack - 1e-9]
    if len(near) <= count:
        return near
    if count == 1:
        return [near[-1]]
    return [near[round(i * (len(near) - 1) / (count - 1))] for i in range(count)]


def choose_baselines(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return the most accurate known designs that were evaluated."""
    known = [c for c in candidates if c.source.startswith(_SEED) and c.state == "complete"]
    return sorted(known, key=lambda c: (-_accuracy(c), c.metrics.macs))[:count]


class RememberedTeacher:
    """A teacher that is asked once a step: every finalist sees the same images at the same step.

    Beyond `MAX_REMEMBERED` logits it computes anew.
    """

    MAX_REMEMBERED = 2**24

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._logits: dict[int, Tensor] = {}
        self._remembered = 0

    def __call__(self, images: Tensor, number: int) -> Tensor:
        """Return the logits of a step's images ``(N, 3, R, R)``."""
        known = self._logits.get(number)
        if known is not None:
            return known
        logits: Tensor = self._network(images)
        if self._remembered + logits.numel() <= self.MAX_REMEMBERED:
            self._logits[number] = logits
            self._remembered += logits.numel()
        return logits


class FinalTraining:
    """Trains finalists from inherited weights on the same batches, distilled from the supernet's largest subnet.

    Without a supernet they start from random weights and have no teacher.
    """

    def __init__(
        self,
        supernet: Supernet | None,
        data: ImageData,
        recipe: Recipe,
        *,
        folder: Path,
        watch: Watch,
        device: torch.device,
    ) -> None:
        self._supernet = supernet
        self._device = device
        self._data = data
        self._recipe = recipe
        self._folder = folder
        self._watch = watch
        self._calibration = EvaluationBatches(data, "train", batch_size=CALIBRATION_BATCH_SIZE)
        self._splits = {name: EvaluationBatches(data, name) for name in ("search", "test")}
        self._teacher: RememberedTeacher | None = None
        if supernet is not None:
            largest = supernet.space.largest()
            inherited = inherit(supernet, largest, self._calibration)
            self._teacher = RememberedTeacher(at_resolution(inherited, largest).eval())

    def train(self, candidate: Candidate, *, name: str, number: int, total: int) -> Finalist:
        """Train one finalist and score it; continues where an earlier, killed training of it stopped."""
        architecture = candidate.architecture
        network = self._start(architecture)
        sized = at_resolution(network, architecture)

        def progress(at: Progress) -> None:
            done = number + at.step / at.steps
            self._watch.progress("finalists", done, total, f"{name}: loss {at.metrics['loss']:.2f}")

        self._folder.mkdir(parents=True, exist_ok=True)
        train(
            sized,
            self._data,
            self._recipe,
            teacher=self._teacher,
            callbacks=Callbacks(progress=progress),
            checkpoint=self._folder / f"{candidate.digest}.state",
        )
        accuracies = {name: evaluate(sized, split) for name, split in self._splits.items()}
        return Finalist(
            name=name,
            candidate=candidate,
            metrics=replace(candidate.metrics, accuracy=accuracies["search"]),
            test_accuracy=accuracies["test"],
            network=network.cpu().eval(),
            known=candidate.source.startswith(_SEED),
        )

    def _start(self, architecture: Architecture) -> nn.Sequential:
        """Return the network that training begins with."""
        if self._supernet is None:
            return placed(build(architecture, seed=self._recipe.seed), self._device)
        return inherit(self._supernet, architecture, self._calibration)


def finalist_name(candidate: Candidate, number: int) -> str:
    """Return a known design's own name, else ``finalist-<number>``."""
    return candidate.source.removeprefix(_SEED) if candidate.source.startswith(_SEED) else f"finalist-{number}"


def _accuracy(candidate: Candidate) -> float:
    assert candidate.metrics.accuracy is not None
    return candidate.metrics.accuracy
