"""Training, evaluating and recalibrating one network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from nas.data import ImageData
from nas.data.batches import Batch, TrainingBatches
from nas.training.device import mixed_precision
from nas.training.distill import label_loss, soft_loss
from nas.training.loop import Callbacks, FitResult, Step, device_of, fit, images_to
from nas.training.recipe import Recipe

Forward = Callable[[Tensor], Tensor]  # images (N, 3, R, R) to logits (N, num_classes)
Teacher = Callable[[Tensor, int], Tensor]  # images and the number of the step to logits


def train(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    teacher: Teacher | None = None,
    callbacks: Callbacks | None = None,
    checkpoint: Path | None = None,
) -> FitResult:
    """Train a network in place on the training split, and leave it in eval mode.

    Args:
        network: (N, 3, R, R) to (N, num_classes).
        data: the data set, at the network's resolution.
        recipe: how to train.
        teacher: gives the logits that the network also learns to match; called without gradient, with the number of
            the step, by which it may remember them (the same seed gives the same images at the same step).
        callbacks: hooks for progress and stopping.
        checkpoint: file of the training state, to continue from where it exists.

    Raises:
        DivergedError: if the loss becomes infinite or NaN.
    """
    batches = TrainingBatches(data, batch_size=recipe.batch_size, seed=recipe.seed, mixup=recipe.mixup)
    network.train()
    try:
        step = single_step(network, recipe, teacher)
        return fit(network, step, batches, recipe, callbacks=callbacks, checkpoint=checkpoint)
    finally:
        network.eval()


def single_step(network: Forward, recipe: Recipe, teacher: Teacher | None = None) -> Step:
    """Return the step of ordinary training: one forward and one backward pass."""

    def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        with mixed_precision(images.device):
            logits = network(images)
            loss = label_loss(logits, labels, smoothing=recipe.label_smoothing)
            if teacher is not None:
                with torch.no_grad():
                    wanted = teacher(images, number)
                soft = soft_loss(logits, wanted, recipe)
                loss = (1 - recipe.distill_weight) * loss + recipe.distill_weight * soft
        loss.backward()
        return {"loss": loss.item()}

    return step


@dataclass(frozen=True, slots=True)
class Score:
    """How a network does on a split.

    Attributes:
        accuracy: top-1, in [0, 1].
        loss: mean cross entropy, which tells networks apart that are right about the same images.
    """

    accuracy: float
    loss: float


def evaluate(network: Forward, batches: Iterable[Batch], *, device: torch.device | None = None) -> float:
    """Return the top-1 accuracy, in [0, 1]; see `score`."""
    return score(network, batches, device=device).accuracy


def score(network: Forward, batches: Iterable[Batch], *, device: torch.device | None = None) -> Score:
    """Score a network.

    Args:
        network: a module (evaluated in eval mode, left in the mode it was in), or any function to logits.
        batches: images and class indices.
        device: where to send the images; None asks the module.
    """
    if isinstance(network, nn.Module):
        device = device or device_of(network)
        training = network.training
        network.eval()
        try:
            return _score(network, batches, device)
        finally:
            network.train(training)
    return _score(network, batches, device or torch.device("cpu"))


@torch.inference_mode()
def _score(network: Forward, batches: Iterable[Batch], device: torch.device) -> Score:
    right = count = 0
    loss = 0.0
    for images, labels in batches:
        logits, wanted = network(images_to(images, device)).float(), labels.to(device)
        right += int((logits.argmax(dim=1) == wanted).sum())
        loss += float(cross_entropy(logits, wanted, reduction="sum"))
        count += len(labels)
    return Score(right / count, loss / count)


@torch.inference_mode()
def right_answers(network: nn.Module, batches: Iterable[Batch]) -> Tensor:
    """Return for each image, in the order of the batches, whether its class was told right: bool, (N,)."""
    network.eval()
    device = device_of(network)
    found = [network(images_to(x, device)).argmax(dim=1) == labels.to(device) for x, labels in batches]
    return torch.cat(found).cpu()


@torch.no_grad()
def recalibrate_batch_norm(network: nn.Module, batches: Iterable[Batch]) -> None:
    """Replace the statistics of every batch norm by averages over a few batches; end in eval mode.

    A subnet's shared weights come with the statistics of other subnets (Yu 2019, arXiv 1903.05134, section
    3.3).

    Args:
        network: (N, 3, R, R) to (N, num_classes).
        batches: training images without augmentation, all classes mixed.
    """
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average: every batch counts the same
        norm.train()
    device = device_of(network)
    for images, _ in batches:
        network(images_to(images, device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
