"""The answer: is the winner better than the known designs, by how much, and is that more than noise.

The rival is the known design that the same selection rule would take. The noise of a difference in test accuracy has
two parts: the test images are a sample (of two networks scored on the same images only those count on which they
differ), and each training is one of many (seeds). A winner that is no better than chance is called so first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from nas.model.zoo import PAPERS
from nas.search.objective import Metrics, select

_SURE = 1.96  # standard errors on either side that hold 95 % of a normal distribution


class Trained(Protocol):
    """A network that was trained to its end, such as `nas.search.finalists.Finalist`."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def metrics(self) -> Metrics:
        """What it costs, with its accuracy on the search split."""
        ...

    @property
    def known(self) -> bool:
        """Whether it is a known design."""
        ...

    @property
    def test_accuracies(self) -> Sequence[float]:
        """On the test split, one for each training."""
        ...

    @property
    def right(self) -> Sequence[float]:
        """For each test image the share of trainings that were right about it; empty where that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a search, against the best known design.

    Attributes:
        text: all of it in words.
        take: the known design to take instead of a network that the search found; None where that is better.
        against: the known design compared with; None if none is within the budget.
        points: accuracy points on the test split that the winner is ahead, mean over trainings.
        noise_points: what chance alone may give, with 95 % certainty.
        beyond_noise: whether the points are more than that.
        macs_ratio: the winner's MACs over the rival's.
        latency_ratio: the winner's latency over the rival's.
        trainings: of the winner and of the rival.
        guesses: whether the winner is no better than guessing.
    """

    text: str
    take: str | None = None
    against: str | None = None
    points: float | None = None
    noise_points: float | None = None
    beyond_noise: bool | None = None
    macs_ratio: float | None = None
    latency_ratio: float | None = None
    trainings: tuple[int, int] | None = None
    guesses: bool = False


def best_known(
    trained: Sequence[Trained], *, rule: str = "accuracy_per_mac", accuracy_slack: float = 0.01
) -> Trained | None:
    """Return the known design that a selection rule would take; None if there is none."""
    known = [t for t in trained if t.known]
    return known[select(known, rule, accuracy_slack)] if known else None


def verdict(winner: Trained, rival: Trained | None, test_images: int, *, classes: int, found: int = 1) -> Verdict:
    """Compare the winner with the best known design within the budget, and with guessing.

    Args:
        winner: the network that the selection rule names.
        rival: what `best_known` gives.
        test_images: how many images the test accuracies rest on.
        classes: how many classes the images have.
        found: how many of the trained networks within the budget the search found itself.
    """
    compared = _compared(winner, rival, test_images, found)
    if not guesses(_mean(winner), test_images, classes):
        return compared
    warning = (
        f"The winner is no better than guessing: right about {100 * _mean(winner):.1f} % of {test_images} test "
        f"images, where chance alone gives {100 / classes:.1f} %."
    )
    return replace(compared, text=f"{warning} {compared.text}", guesses=True)


def guesses(accuracy: float, images: int, classes: int) -> bool:
    """Whether an accuracy on so many images is not above chance by more than two standard errors."""
    chance = 1 / classes
    return classes > 1 and accuracy <= chance + 2 * math.sqrt(chance * (1 - chance) / images)


def _compared(winner: Trained, rival: Trained | None, test_images: int, found: int) -> Verdict:
    """Compare the winner with the best known design within the budget."""
    if winner.known:
        return Verdict(f"Take {called(winner.name)}: {_beside(found)}.", take=winner.name, against=winner.name)
    if rival is None:
        return Verdict("No known design of this space is within the budget, so the winner has nothing to compare with.")
    points = 100 * (_mean(winner) - _mean(rival))
    noise = 100 * _SURE * math.hypot(images_error(winner, rival, test_images), trainings_error(winner, rival))
    macs = winner.metrics.macs / rival.metrics.macs
    latency = winner.metrics.latency_ms / rival.metrics.latency_ms
    beaten = points <= 0 and macs >= 1 and latency >= 1
    trainings = (len(winner.test_accuracies), len(rival.test_accuracies))
    rests = f"{_counted(*trainings)}, {test_images} test images"
    compared = f"{_share(macs, 'MACs')}, {_share(latency, 'latency')}"
    certain = "more than noise" if abs(points) > noise else "within the noise"
    difference = f"{points:+.1f} points of test accuracy, {certain} (±{noise:.1f}; {rests})"
    if beaten:
        text = f"Take {called(rival.name)}: against it the winner has {difference}, {compared}."
    else:
        text = f"Against {called(rival.name)}, the best known design within the budget: {difference}, {compared}."
    return Verdict(
        text=text,
        take=rival.name if beaten else None,
        against=rival.name,
        points=points,
        noise_points=noise,
        beyond_noise=abs(points) > noise,
        macs_ratio=macs,
        latency_ratio=latency,
        trainings=trainings,
    )


def _beside(found: int) -> str:
    """Say what a known design that wins was compared with, of what the search found."""
    if found == 0:
        return "no network that the search found was trained beside it"
    if found == 1:
        return "the one network of the search that was trained beside it is no better"
    return f"none of the {found} networks of the search that were trained beside it is better"


def images_error(a: Trained, b: Trained, test_images: int) -> float:
    """Return the standard error of the difference in accuracy that comes of the test images.

    Where each image's outcome is known the two are compared image by image, else as if on different images.
    """
    if a.right and b.right:
        differences = [x - y for x, y in zip(a.right, b.right, strict=True)]
        return statistics.pstdev(differences) / math.sqrt(len(differences))
    return math.sqrt(sum(_mean(t) * (1 - _mean(t)) for t in (a, b)) / test_images)


def trainings_error(a: Trained, b: Trained) -> float:
    """Return the standard error of the difference that comes of the trainings; 0 where each was trained once."""
    accuracies = [t.test_accuracies for t in (a, b) if len(t.test_accuracies) > 1]
    return math.sqrt(sum(statistics.variance(x) / len(x) for x in accuracies))


def called(name: str) -> str:
    """Return how to ask for a known design: published networks by timm's name, with their resolution."""
    published, _, side = name.partition("@")
    return f"timm {published} at {side} pixels" if published in PAPERS and side else name


def _mean(trained: Trained) -> float:
    return statistics.fmean(trained.test_accuracies)


def _counted(winner: int, rival: int) -> str:
    if winner == rival:
        return "one training each" if winner == 1 else f"{winner} trainings each"
    return f"{winner} and {rival} trainings"


def _share(ratio: float, what: str) -> str:
    percent = 100 * abs(1 - ratio)
    if percent < 0.5:
        return f"the same {what}"
    less, more = ("fewer", "more") if what == "MACs" else ("less", "more")
    return f"{percent:.0f} % {less if ratio < 1 else more} {what}"
