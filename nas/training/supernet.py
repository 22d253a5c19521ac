"""Training a supernet: the sandwich rule with in-place distillation.

Every step trains the largest subnet on the labels, then the smallest and a few random ones half on the labels and half
on the largest's outputs (Yu and Huang 2019, arXiv 1903.05134; Yu et al. 2020, BigNAS, arXiv 2003.11142; there the
smaller ones see no labels). Statistics of batch norms are not shared: a subnet's are computed anew before it is
scored (`nas.training.train.recalibrate_batch_norm`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nas.data import ImageData
from nas.data.batches import TrainingBatches
from nas.model.supernet import Supernet
from nas.space.architecture import Architecture
from nas.space.space import SearchSpace
from nas.training.device import mixed_precision
from nas.training.distill import label_loss, soft_loss
from nas.training.group import ALONE, Group
from nas.training.loop import Callbacks, FitResult, Step, fit
from nas.training.recipe import Recipe

RANDOM_SUBNETS = 2


def train_supernet(
    supernet: Supernet,
    data: ImageData,
    recipe: Recipe,
    *,
    callbacks: Callbacks | None = None,
    checkpoint: Path | None = None,
    group: Group = ALONE,
) -> FitResult:
    """Train shared weights in place on the training split, and leave the supernet in eval mode.

    Args:
        supernet: what to train.
        data: the data set, at the largest resolution of the space.
        recipe: how to train; its seed also decides which subnets are drawn.
        callbacks: hooks for progress and stopping.
        checkpoint: file of the training state, to continue from where it exists.
        group: the processes that train together.

    Raises:
        DivergedError: if a loss becomes infinite or NaN.
    """
    batches = TrainingBatches(data, batch_size=recipe.batch_size, seed=recipe.seed, mixup=recipe.mixup)
    supernet.train()
    try:
        step = sandwich_step(supernet, recipe)
        return fit(supernet, step, batches, recipe, callbacks=callbacks, checkpoint=checkpoint, group=group)
    finally:
        supernet.eval()


def sandwich(space: SearchSpace, rng: random.Random) -> tuple[Architecture, ...]:
    """Return the subnets of one step: a largest, a smallest, and random ones; words are drawn in all of them."""
    return space.largest(rng), space.smallest(rng), *(space.sample(rng) for _ in range(RANDOM_SUBNETS))


def sandwich_step(supernet: Supernet, recipe: Recipe) -> Step:
    """Return the step of supernet training: several subnets forward and backward on one batch."""

    def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        rng = random.Random(f"{recipe.seed}:{number}")
        largest, *smaller = sandwich(supernet.space, rng)
        with mixed_precision(images.device):
            logits = supernet(largest, images)
            loss = label_loss(logits, labels, smoothing=recipe.label_smoothing)
        loss.backward()
        teacher = logits.detach()
        smaller_loss = 0.0
        for subnet in smaller:
            with mixed_precision(images.device):
                logits = supernet(subnet, images)
                hard = label_loss(logits, labels, smoothing=recipe.label_smoothing)
                soft = soft_loss(logits, teacher, recipe)
                mixed = (1 - recipe.distill_weight) * hard + recipe.distill_weight * soft
            mixed.backward()
            smaller_loss += mixed.item() / len(smaller)
        return {"loss": loss.item(), "smaller_loss": smaller_loss}

    return step
