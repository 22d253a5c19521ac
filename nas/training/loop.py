"""The only training loop.

A `Step` computes losses and calls `backward()`, once for a single network, several times for a supernet. The
loop owns all the rest: gradients to zero, clipping, optimizer, schedule, moving average, progress,
checkpoints, divergence.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nas import torch_compat
from nas.data.seeding import isolated_rng
from nas.errors import NasError, UserError
from nas.schema import to_dict
from nas.training.checkpoint import load_state, save_state
from nas.training.group import ALONE, Group
from nas.training.recipe import Recipe


class DivergedError(NasError):
    """A loss or gradient became infinite or NaN."""


class Step(Protocol):
    """The forward and backward passes of one optimizer step."""

    def __call__(self, images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        """Add gradients to the parameters and return what to report.

        Args:
            images: (N, 3, R, R), on the module's device.
            labels: class indices (N,) or probabilities (N, num_classes).
            number: counts the steps of the whole training from 0. A step that draws at random seeds from it,
                so that a resumed training draws the same.
        """


class EpochBatches(Protocol):
    """Batches that differ from epoch to epoch, such as `nas.data.batches.TrainingBatches`."""

    def __len__(self) -> int: ...

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands after a step.

    Attributes:
        epoch: the epoch at hand, from 1.
        epochs: how many there will be.
        step: steps done, over all epochs.
        steps: how many there will be.
        seconds: time spent since this call of `fit` began.
        seconds_left: estimate for the rest, from the pace so far.
        metrics: what the step reported.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float
    seconds_left: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a training went.

    Attributes:
        history: the mean of each reported metric, one mapping per finished epoch.
        seconds: time spent in this call.
        stopped: whether `should_stop` ended it early.
    """

    history: tuple[Mapping[str, float], ...]
    seconds: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a caller may hook into the loop.

    Attributes:
        progress: called after every step.
        on_epoch: called after every epoch with its number from 1 and its mean metrics.
        should_stop: asked before every step; True ends the training.
        time_share: tells how much of the time allowed is used. The learning rate falls with it where steps are slower
            than planned, and at 1 the training ends.
    """

    progress: Callable[[Progress], None] | None = None
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None
    should_stop: Callable[[], bool] | None = None
    time_share: Callable[[], float] | None = None


def fit(
    module: nn.Module,
    step: Step,
    batches: EpochBatches,
    recipe: Recipe,
    *,
    callbacks: Callbacks | None = None,
    checkpoint: Path | None = None,
    group: Group = ALONE,
) -> FitResult:
    """Train `module` in place.

    Args:
        module: holds the parameters; stays on its device and in its mode.
        step: forward and backward passes.
        batches: what to train on.
        recipe: epochs, optimizer, schedule.
        callbacks: hooks for progress and stopping.
        checkpoint: file of the training state: written after every epoch, and continued from where it exists.
        group: the processes that train together; the first one writes the checkpoint.

    Raises:
        DivergedError: if a reported metric or the gradient is not finite.
        UserError: if the checkpoint is broken or belongs to another training.
    """
    if len(batches) == 0:
        raise UserError("there are no training batches: too few training images")
    with isolated_rng(recipe.seed):
        run = _Run(module, recipe, len(batches), callbacks or Callbacks(), group)
        if checkpoint is not None and checkpoint.is_file():
            run.restore(checkpoint)
        group.equalise(module)
        for epoch in range(len(run.history), recipe.epochs):
            if not run.epoch(epoch, step, batches):
                break
            if checkpoint is not None and group.rank == 0:
                run.save(checkpoint)
        return run.finish()


def lr_factor(step: int, steps: int, warmup_steps: int) -> float:
    """Return the share of the peak learning rate at a step: a linear rise, then a cosine to 0.

    Loshchilov 2017, arXiv 1608.03983, without restarts.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    position = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * position))


class _Run:
    """The state of one call of `fit`."""

    def __init__(
        self, module: nn.Module, recipe: Recipe, steps_per_epoch: int, callbacks: Callbacks, group: Group
    ) -> None:
        torch_compat.prepare()
        from timm.optim import create_optimizer_v2
        from timm.utils import ModelEmaV3

        self.module = module
        self.recipe = recipe
        self.steps_per_epoch = steps_per_epoch
        self.steps = steps_per_epoch * recipe.epochs
        self.callbacks = callbacks
        self.group = group
        self.device = device_of(module)
        self.history: list[Mapping[str, float]] = []
        self.optimizer = create_optimizer_v2(
            module, recipe.optimizer, lr=recipe.lr, weight_decay=recipe.weight_decay, momentum=recipe.momentum
        )
        # With warm-up: a short training would otherwise average in its first, random weights.
        self.ema = ModelEmaV3(module, recipe.ema_decay, use_warmup=True) if recipe.ema_decay else None
        self.stopped = False
        self.start = time.perf_counter()
        self.steps_here = 0

    def epoch(self, epoch: int, step: Step, batches: EpochBatches) -> bool:
        """Train one epoch; return False if asked to stop."""
        sums: dict[str, float] = {}
        first = epoch * self.steps_per_epoch
        for number, (images, labels) in enumerate(batches.epoch(epoch), start=first):
            if self._should_stop():
                self.stopped = True
                return False
            metrics = self._step(step, images, labels, number)
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
            if self.callbacks.progress is not None:
                self.callbacks.progress(self._progress(epoch, number, metrics))
        means = {name: total / self.steps_per_epoch for name, total in sums.items()}
        self.history.append(means)
        if self.callbacks.on_epoch is not None:
            self.callbacks.on_epoch(epoch + 1, means)
        return True

    def _should_stop(self) -> bool:
        asked, time_share = self.callbacks.should_stop, self.callbacks.time_share
        over = time_share is not None and time_share() >= 1
        return self.group.any(over or (asked is not None and asked()))

    def _position(self, number: int) -> int:
        """Return the step of the schedule: the training's own, or a later one where time runs faster than steps."""
        share = self.callbacks.time_share
        own = number if share is None else max(number, min(self.steps, int(share() * self.steps)))
        return self.group.largest(own)  # only the first of several processes looks at the clock

    def _step(self, step: Step, images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        recipe, group = self.recipe, self.group
        images, labels, count = group.share(images), group.share(labels), len(images)
        share = len(images) / count
        factor = lr_factor(self._position(number), self.steps, round(recipe.warmup_fraction * self.steps))
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = recipe.lr * factor
        self.optimizer.zero_grad(set_to_none=True)
        metrics = step(images_to(images, self.device), labels.to(self.device), number)
        metrics = group.mean(metrics, share)
        for name, value in metrics.items():
            self._check_finite(name, value, number)
        group.average(self.module, share)
        limit = math.inf if recipe.grad_clip is None else recipe.grad_clip
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), limit)
        self._check_finite("gradient", float(norm), number)
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update(self.module, step=number)
        self.steps_here += 1
        return metrics

    def _check_finite(self, name: str, value: float, number: int) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"training diverged: {name} is {value} at step {number + 1} of {self.steps} "
                f"(epoch {number // self.steps_per_epoch + 1}); "
                f"a learning rate below {self.recipe.lr:g} may help"
            )

    def _progress(self, epoch: int, number: int, metrics: Mapping[str, float]) -> Progress:
        seconds = time.perf_counter() - self.start
        left = self.steps - number - 1
        return Progress(
            epoch=epoch + 1,
            epochs=self.recipe.epochs,
            step=number + 1,
            steps=self.steps,
            seconds=seconds,
            seconds_left=seconds / self.steps_here * left,
            metrics=metrics,
        )

    def finish(self) -> FitResult:
        """Put the averaged weights into the module and sum up."""
        if self.ema is not None:
            self.module.load_state_dict(self.ema.module.state_dict())
        return FitResult(tuple(self.history), time.perf_counter() - self.start, self.stopped)

    def _identity(self) -> dict[str, Any]:
        return {"recipe": to_dict(self.recipe), "steps_per_epoch": self.steps_per_epoch}

    def save(self, path: Path) -> None:
        """Write everything that the next epoch depends on."""
        state = {
            "identity": self._identity(),
            "history": [dict(metrics) for metrics in self.history],
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": None if self.ema is None else self.ema.module.state_dict(),
            "rng": torch.get_rng_state(),
        }
        save_state(path, state)

    def restore(self, path: Path) -> None:
        """Continue from a file that `save` wrote."""
        state = load_state(path)
        if state.get("identity") != self._identity():
            raise UserError(f"{path}: belongs to a training with another recipe; delete it to train anew")
        try:
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.ema is not None:
                self.ema.module.load_state_dict(state["ema"])
            torch.set_rng_state(state["rng"])
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}: belongs to another network ({reason}); delete it to train anew") from None
        self.history = list(state["history"])


def images_to(images: Tensor, device: torch.device) -> Tensor:
    """Send images (N, C, H, W) to a device with channels last: convolutions are about twice as quick on a CPU."""
    return images.to(device, memory_format=torch.channels_last if images.dim() == 4 else torch.preserve_format)


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's parameters, the CPU if it has none."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))
