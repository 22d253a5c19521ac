"""The finalists: a few of the front and the best known designs, trained further and scored on the test split.

All start from the weights that they inherit, and are trained by one recipe. A short training may do harm: where the
search split says so beyond chance, the inherited weights are kept. The winner and its best rival may be
trained several times, with other orders of the images: their accuracies then have a spread.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from nas.data import ImageData
from nas.data.batches import EvaluationBatches
from nas.model.network import build
from nas.search.candidate import Candidate
from nas.search.events import Events
from nas.search.objective import Metrics, select
from nas.search.supernet_evaluator import at_resolution, calibration_batches, inherit
from nas.search.watch import Watch
from nas.training.device import placed
from nas.training.fake_quant import simulate_int8
from nas.training.loop import Callbacks, DivergedError, Progress
from nas.training.precision import Precision
from nas.training.recipe import Recipe
from nas.training.train import right_answers, train

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nas.model.supernet import Supernet
    from nas.space.architecture import Architecture

_WIDER_SLACK = 2.0  # finalists may lie this many slacks below the best: inherited accuracies are rough
_SEED = "seed:"


@dataclass(frozen=True, slots=True)
class Training:
    """What one training came to.

    Attributes:
        search_right: for each image of the search split, in order, whether it was told right.
        right: the same of the test split.
        test_by_precision: accuracy on the test split in each precision that was scored.
        kept_start: whether the weights that it began with were better on the search split, and kept.
    """

    search_right: tuple[bool, ...]
    right: tuple[bool, ...]
    test_by_precision: Mapping[Precision, float]
    kept_start: bool = False

    @property
    def search_accuracy(self) -> float:
        """On the search split."""
        return fmean(self.search_right)

    @property
    def test_accuracy(self) -> float:
        """On the test split."""
        return fmean(self.right)


@dataclass(frozen=True)
class Finalist:
    """A candidate after its own training.

    Attributes:
        name: of a known design, or ``finalist-<n>``.
        candidate: as the search saw it, with its inherited accuracy.
        metrics: with the accuracy on the search split after its first training.
        network: as its first training left it, in eval mode, on the CPU.
        known: whether it is a known design (a baseline).
        trainings: what each of its trainings came to.
    """

    name: str
    candidate: Candidate
    metrics: Metrics
    network: nn.Module
    known: bool
    trainings: tuple[Training, ...]

    @property
    def architecture(self) -> Architecture:
        """What was trained."""
        return self.candidate.architecture

    @property
    def test_accuracies(self) -> tuple[float, ...]:
        """On the test split, of each training."""
        return tuple(t.test_accuracy for t in self.trainings)

    @property
    def test_accuracy(self) -> float:
        """On the test split, mean over the trainings."""
        return fmean(self.test_accuracies)

    @property
    def test_by_precision(self) -> dict[Precision, float]:
        """On the test split in each precision that was scored, mean over the trainings."""
        return {name: fmean(t.test_by_precision[name] for t in self.trainings) for name in self._precisions}

    @property
    def _precisions(self) -> tuple[Precision, ...]:
        return tuple(self.trainings[0].test_by_precision)

    @property
    def right(self) -> tuple[float, ...]:
        """For each test image the share of trainings that were right about it."""
        return tuple(fmean(outcomes) for outcomes in zip(*(t.right for t in self.trainings), strict=True))


def choose_finalists(front: Sequence[Candidate], count: int, slack: float) -> list[Candidate]:
    """Return at most `count` members of the front near its best accuracy, evenly spread with both ends."""
    best = max(_accuracy(c) for c in front)
    near = [c for c in front if _accuracy(c) >= best - _WIDER_SLACK * slack - 1e-9]
    if len(near) <= count:
        return near
    if count == 1:
        return [near[-1]]
    return [near[round(i * (len(near) - 1) / (count - 1))] for i in range(count)]


def choose_baselines(candidates: Sequence[Candidate], count: int, *, rule: str, slack: float) -> list[Candidate]:
    """Return known designs that were evaluated: the one that the rule would take, then the most accurate ones."""
    known = [c for c in candidates if c.source.startswith(_SEED) and c.state == "complete"]
    if not known or count < 1:
        return []
    favourite = known[select(known, rule, slack)]
    others = sorted((c for c in known if c is not favourite), key=lambda c: (-_accuracy(c), c.metrics.macs))
    return [favourite, *others][:count]


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


@dataclass(frozen=True, slots=True)
class _Start:
    """What a training began with.

    Attributes:
        weights: a copy.
        right: for each image of the search split, in order, whether it was told right.
    """

    weights: Mapping[str, Tensor]
    right: tuple[bool, ...]

    def is_better_than(self, right: Sequence[bool]) -> bool:
        """Tell whether a training did harm, beyond chance: by McNemar's test, at two standard errors.

        Finalists were chosen by how they began, on the same images, so that a few of those that are lost were luck.
        """
        pairs = list(zip(self.right, right, strict=True))
        lost = sum(before and not after for before, after in pairs)
        won = sum(after and not before for before, after in pairs)
        return lost - won > 2 * sqrt(lost + won)


class FinalTraining:
    """Trains finalists from inherited weights on the same batches, distilled from the supernet's largest subnet.

    Without a supernet they start from random weights and have no teacher.

    Args:
        supernet: gives the weights and the teacher.
        data: what to train on.
        recipe: how every one is trained.
        folder: where the states of trainings are kept.
        watch: hears of progress.
        events: draws the losses.
        device: where to train.
        total: how many trainings there will be.
        precisions: which to score; accuracies that are compared are those in the first.
    """

    def __init__(
        self,
        supernet: Supernet | None,
        data: ImageData,
        recipe: Recipe,
        *,
        folder: Path,
        watch: Watch,
        events: Events,
        device: torch.device,
        total: int,
        precisions: Sequence[Precision] = ("float",),
    ) -> None:
        self._supernet = supernet
        self._device = device
        self._data = data
        self._recipe = recipe
        self._folder = folder
        self._watch = watch
        self._events = events
        self.total = total
        self._precisions = precisions
        self._done = 0
        self._calibration = calibration_batches(data)
        self._splits = {name: EvaluationBatches(data, name) for name in ("search", "test")}
        self._largest: nn.Module | None = None
        if supernet is not None:
            largest = supernet.space.largest()
            self._largest = at_resolution(inherit(supernet, largest, self._calibration), largest).eval()
        self._teachers: dict[int, RememberedTeacher] = {}

    def train(self, candidate: Candidate, *, name: str) -> Finalist:
        """Train one finalist and score it; continues where an earlier, killed training of it stopped."""
        network, training = self._train(candidate, name, 0)
        return Finalist(
            name=name,
            candidate=candidate,
            metrics=replace(candidate.metrics, accuracy=training.search_accuracy),
            network=network,
            known=candidate.source.startswith(_SEED),
            trainings=(training,),
        )

    def train_again(self, finalist: Finalist) -> Finalist:
        """Train a finalist once more, with another seed, and return it with that training added."""
        _, training = self._train(finalist.candidate, finalist.name, len(finalist.trainings))
        return replace(finalist, trainings=(*finalist.trainings, training))

    def _train(self, candidate: Candidate, name: str, number: int) -> tuple[nn.Module, Training]:
        """Train a candidate for the `number`-th time."""
        architecture = candidate.architecture
        recipe = replace(self._recipe, seed=self._recipe.seed + number)
        network = self._start(architecture, recipe.seed)
        sized = at_resolution(network, architecture)
        start = self._begun(network, sized)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._events.training(f"{name}-again-{number}" if number else name) as drawn:

            def progress(at: Progress) -> None:
                done = self._done + at.step / at.steps
                self._watch.progress("finalists", done, self.total, f"{name}: loss {at.metrics['loss']:.2f}")
                drawn(at)

            train(
                sized,
                self._data,
                recipe,
                teacher=self._teacher(number),
                callbacks=Callbacks(progress=progress),
                checkpoint=self._folder / state_file(candidate.digest, number),
            )
        self._done += 1
        training = self._scored(sized)
        if start is not None and start.is_better_than(training.search_right):
            before, after = (f"{100 * fmean(right):.1f} %" for right in (start.right, training.search_right))
            self._watch.say(f"finals   {name} keeps its inherited weights: {before} before its training, {after} after")
            network.load_state_dict(start.weights)
            training = replace(self._scored(sized), kept_start=True)
        return network.cpu().eval(), training

    def _scored(self, network: nn.Module) -> Training:
        """Score a trained network in every precision."""
        scored = {name: self._in_precision(network, name) for name in self._precisions}
        right = {name: self._right(n, "test") for name, n in scored.items()}
        first = self._precisions[0]
        accuracies = {name: fmean(told) for name, told in right.items()}
        return Training(self._right(scored[first], "search"), right[first], accuracies)

    def _begun(self, network: nn.Module, sized: nn.Module) -> _Start | None:
        """Keep the weights that a network inherits, and how good they are; None where they are random."""
        if self._supernet is None:
            return None
        right = self._right(self._in_precision(sized, self._precisions[0]), "search")
        return _Start(copy.deepcopy(network.state_dict()), right)

    def _right(self, network: nn.Module, split: str) -> tuple[bool, ...]:
        return tuple(right_answers(network, self._splits[split]).tolist())

    def _in_precision(self, network: nn.Module, precision: Precision) -> nn.Module:
        return simulate_int8(network, self._calibration) if precision == "int8" else network

    def _start(self, architecture: Architecture, seed: int) -> nn.Sequential:
        """Return the network that training begins with."""
        if self._supernet is None:
            return placed(build(architecture, seed=seed), self._device)
        return inherit(self._supernet, architecture, self._calibration)

    def _teacher(self, number: int) -> RememberedTeacher | None:
        """Return the teacher of every network's `number`-th training: they see the same images at the same step."""
        if self._largest is None:
            return None
        return self._teachers.setdefault(number, RememberedTeacher(self._largest))


def state_file(digest: str, number: int = 0) -> str:
    """Return the name of the file that holds the state of a network's training, the `number`-th one."""
    return f"{digest}-{number}.state" if number else f"{digest}.state"


def ends_one_network(error: Exception) -> bool:
    """Whether an error of a training is that network's own: it diverged, or it did not fit into memory."""
    scarce = "out of memory" in str(error) or "can't allocate memory" in str(error)
    return isinstance(error, DivergedError | MemoryError) or (isinstance(error, RuntimeError) and scarce)


def finalist_name(candidate: Candidate, number: int) -> str:
    """Return a known design's own name, else ``finalist-<number>``."""
    return candidate.source.removeprefix(_SEED) if candidate.source.startswith(_SEED) else f"finalist-{number}"


def _accuracy(candidate: Candidate) -> float:
    assert candidate.metrics.accuracy is not None
    return candidate.metrics.accuracy
