"""Training between the steps: plain, or after a teacher's logits and feature maps.

Logits: Hinton 2015, arXiv 1503.02531 (`nas.training.distill`). Feature maps: attention transfer, Zagoruyko and
Komodakis 2017, arXiv 1612.03928, equation 2: where a network looks, as the squares of its features summed over the
channels, must agree. It needs no layer between the two, whatever their widths, so nothing is trained that is thrown
away; it needs maps of equal size, which are looked for by running both once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.data import ImageData
from nas.data.batches import TrainingBatches, first_images
from nas.search.watch import Watch
from nas.training.distill import distillation_loss, label_loss
from nas.training.loop import Callbacks, Progress, Step, fit
from nas.training.recipe import Recipe
from nas.training.threads import suited_threads

FEATURE_WEIGHT = 1.0
TEMPERATURE = 4.0  # of a teacher's logits (Hinton 2015, section 3); 1 taught hardly anything (docs/log.md)
CALIBRATION_IMAGES = 256
_SMALLEST_SIDE = 2  # a map of one pixel looks nowhere


@dataclass(frozen=True, slots=True)
class Tuning:
    """What every training of a chain shares.

    Attributes:
        data: the data set, at the network's resolution.
        recipe: for a whole training; a step takes its epochs and learning rate from it.
        epochs: of a step that does not name its own.
        watch: hears of progress.
        checkpoint: file of the training at hand, from which a killed one goes on.
    """

    data: ImageData
    recipe: Recipe
    epochs: int
    watch: Watch
    checkpoint: Path | None = None


def tune(
    network: nn.Module,
    tuning: Tuning,
    *,
    stage: str,
    teacher: nn.Module | None = None,
    feature_weight: float = 0.0,
    epochs: int | None = None,
    lr_share: float = 1.0,
) -> None:
    """Train a network in place and leave it in eval mode.

    Args:
        network: (N, 3, R, R) to (N, num_classes).
        tuning: data and recipe.
        stage: what to call the training to whoever watches.
        teacher: whose logits are followed; None follows the labels alone.
        feature_weight: how much the teacher's feature maps count beside its logits; 0 does not look at them.
        epochs: None takes `tuning.epochs`.
        lr_share: of the recipe's learning rate; below 1 for weights that are near their place.

    Raises:
        DivergedError: if a loss becomes infinite or NaN.
    """
    recipe = tuning.recipe
    recipe = dataclasses.replace(recipe, epochs=epochs or tuning.epochs, lr=recipe.lr * lr_share, ema_decay=None)
    batches = TrainingBatches(tuning.data, batch_size=recipe.batch_size, seed=recipe.seed, mixup=recipe.mixup)
    side = tuning.data.resolution

    def progress(at: Progress) -> None:
        tuning.watch.progress(stage, at.step, at.steps, f"loss {at.metrics['loss']:.2f}")

    with suited_threads(side), _maps(network, teacher if feature_weight else None, side) as maps:
        network.train()
        try:
            step = _step(network, teacher, recipe, maps, feature_weight)
            fit(network, step, batches, recipe, callbacks=Callbacks(progress=progress), checkpoint=tuning.checkpoint)
        finally:
            network.eval()


def calibration_images(data: ImageData) -> Tensor:
    """Return training images (N, 3, R, R) without augmentation, all classes mixed."""
    images, _ = first_images(data, "train", CALIBRATION_IMAGES)
    return images


def attention_loss(student: Mapping[int, Tensor], teacher: Mapping[int, Tensor]) -> Tensor:
    """Return how differently two networks look, the mean over the sizes of map that both have.

    Args:
        student: feature maps (N, C, S, S) by their side S.
        teacher: the same sides, any number of channels.
    """
    losses = [(_looks(student[s]) - _looks(teacher[s])).square().sum(dim=1).mean() for s in student]
    return torch.stack(losses).mean()


def _looks(features: Tensor) -> Tensor:
    return F.normalize(features.square().sum(dim=1).flatten(1), dim=1)  # (N, S * S)


@dataclass(frozen=True, slots=True)
class _Maps:
    """The feature maps of the last forward pass of both networks, by side."""

    student: dict[int, Tensor]
    teacher: dict[int, Tensor]


def _step(
    network: nn.Module, teacher: nn.Module | None, recipe: Recipe, maps: _Maps | None, feature_weight: float
) -> Step:
    def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:  # noqa: ARG001  # a Step's contract
        logits = network(images)
        loss = label_loss(logits, labels, smoothing=recipe.label_smoothing)
        if teacher is not None:
            with torch.no_grad():
                wanted = teacher(images)
            soft = distillation_loss(logits, wanted, temperature=recipe.distill_temperature)
            loss = (1 - recipe.distill_weight) * loss + recipe.distill_weight * soft
        if maps is not None:
            loss = loss + feature_weight * attention_loss(maps.student, maps.teacher)
        loss.backward()
        return {"loss": loss.item()}

    return step


@contextmanager
def _maps(network: nn.Module, teacher: nn.Module | None, side: int) -> Iterator[_Maps | None]:
    """Keep the feature maps of sizes that both networks have, as long as the context lasts; None if there are none."""
    if teacher is None:
        yield None
        return
    ours, theirs = _last_of_each_side(network, side), _last_of_each_side(teacher, side)
    shared = sorted(ours.keys() & theirs.keys())
    found = _Maps({}, {})
    hooks = [ours[s].register_forward_hook(_keeper(found.student, s)) for s in shared]
    hooks += [theirs[s].register_forward_hook(_keeper(found.teacher, s)) for s in shared]
    try:
        yield found if shared else None
    finally:
        for hook in hooks:
            hook.remove()


def _keeper(maps: dict[int, Tensor], side: int) -> Any:
    def keep(module: nn.Module, args: object, output: Tensor) -> None:  # noqa: ARG001  # a hook's contract
        maps[side] = output

    return keep


@torch.no_grad()
def _last_of_each_side(network: nn.Module, side: int) -> dict[int, nn.Module]:
    """Return, for each side of a feature map, the last module (with parts of its own) that gives such a map."""
    found: dict[int, nn.Module] = {}

    def note(module: nn.Module, args: object, output: object) -> None:  # noqa: ARG001
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[2] == output.shape[3] >= _SMALLEST_SIDE:
            found[int(output.shape[2])] = module

    hooks = [m.register_forward_hook(note) for m in network.modules() if any(True for _ in m.children())]
    try:
        network.eval()(torch.zeros(1, 3, side, side))
    finally:
        for hook in hooks:
            hook.remove()
    return found
