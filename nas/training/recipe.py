"""How long and how hard to train: every number of a training run in one frozen object."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas import schema

if TYPE_CHECKING:
    from nas.data import ImageData

Divergence = Literal["kl", "alpha"]
DIVERGENCES = ("kl", "alpha")

_SMALL_SET = 5000  # training images; below, more epochs are affordable and mixup underfits


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        lr: peak learning rate; reached after the warm-up, then lowered to 0 along a cosine.
        weight_decay: not applied to biases and norms.
        warmup_fraction: share of all steps over which the learning rate rises linearly.
        label_smoothing: probability spread evenly over all classes (Szegedy 2016, arXiv 1512.00567).
        optimizer: the optimizer's name in timm.
        momentum: for sgd, which is Nesterov's here.
        grad_clip: largest gradient norm; None clips nothing.
        ema_decay: decay of the weights' moving average, which is what training returns; None keeps the last
            weights.
        mixup: alpha of mixup's Beta distribution; 0 mixes nothing.
        distill_weight: share of the loss that follows the teacher, where there is one.
        distill_temperature: softens both distributions before they are compared.
        distill_divergence: how they are compared, see `nas.training.distill`.
        seed: decides order, augmentation and dropout.
    """

    epochs: int = 40
    batch_size: int = 64
    lr: float = 4e-3
    weight_decay: float = 0.05
    warmup_fraction: float = 0.1
    label_smoothing: float = 0.1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    grad_clip: float | None = 1.0
    ema_decay: float | None = None
    mixup: float = 0.0
    distill_weight: float = 0.5
    distill_temperature: float = 1.0
    seed: int = 0
    distill_divergence: Divergence = schema.later("kl")

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "lr", "momentum", "distill_temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "mixup"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("warmup_fraction", "label_smoothing", "distill_weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if self.distill_divergence not in DIVERGENCES:
            raise ValueError(f"distill_divergence must be {' or '.join(DIVERGENCES)}, got {self.distill_divergence!r}")
        if self.grad_clip is not None and not self.grad_clip > 0:
            raise ValueError(f"grad_clip must be above 0 or null, got {self.grad_clip}")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must be between 0 and 1 or null, got {self.ema_decay}")

    def smoke(self) -> Recipe:
        """Return the shortest variant that still runs every part: one epoch, no moving average."""
        return dataclasses.replace(self, epochs=1, ema_decay=None)


def default_recipe(data: ImageData, *, seed: int = 0) -> Recipe:
    """Return a recipe that suits the size of the data set."""
    if len(data.train) < _SMALL_SET:
        return Recipe(epochs=40, batch_size=64, seed=seed)
    return Recipe(epochs=30, batch_size=128, mixup=0.2, ema_decay=0.999, seed=seed)
