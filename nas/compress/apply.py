"""The steps themselves: each takes the network of the step before and gives the next one, trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from nas.compress import few_bits, int8, lowrank, sparse
from nas.compress.form import trainable
from nas.compress.prune import prune
from nas.compress.steps import Step
from nas.compress.tuning import FEATURE_WEIGHT, TEMPERATURE, Tuning, calibration_images, tune
from nas.data.batches import EvaluationBatches
from nas.training.train import evaluate, recalibrate_batch_norm

_CALIBRATION_IMAGES, _CALIBRATION_BATCH = 512, 64
_LEAST_MULTIPLE = 8  # engines for CPUs work on so many channels at once: other widths were slower, though smaller

# Shares of the recipe's learning rate: the nearer the weights are to where they will end, the smaller.
_NEAR, _AT = 0.5, 0.05


@dataclass(frozen=True, slots=True)
class Work:
    """What a step is given.

    Attributes:
        network: of plain layers, its own to change.
        reference: the network as it entered the chain, or left the last ``train`` or ``distill``: what every later
            training follows.
        teacher: gives what ``distill`` follows; None where no step does.
        tuning: data and recipe.
        channel_multiple: the target's.
    """

    network: nn.Module
    reference: nn.Module
    teacher: Callable[[], nn.Module] | None
    tuning: Tuning
    channel_multiple: int

    def tune(self, network: nn.Module, step: Step, lr_share: float = _NEAR) -> None:
        """Train after the reference's logits."""
        tune(network, self.tuning, stage=str(step), teacher=self.reference, lr_share=lr_share)


@dataclass(frozen=True, slots=True)
class Made:
    """What a step gives.

    Attributes:
        network: of plain layers; what a quantised one was made from.
        details: what was done, in words.
        graph: the quantised network that runs, if it is one.
        weights_bytes: computed, where the files hold weights in another form.
    """

    network: nn.Module
    details: str
    graph: nn.Module | None = None
    weights_bytes: int | None = None

    @property
    def runs(self) -> nn.Module:
        """What is scored and exported."""
        return self.graph or self.network


def apply(work: Work, step: Step) -> Made:
    """Do one step.

    Raises:
        NasError: if the network does not allow it.
    """
    return _APPLY[step.name](work, step)


def _train(work: Work, step: Step) -> Made:
    epochs = step.epochs(work.tuning.epochs)
    tune(work.network, work.tuning, stage=str(step), epochs=epochs, lr_share=_NEAR)
    return Made(work.network, _epochs_text(epochs))


def _epochs_text(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


def _distill(work: Work, step: Step) -> Made:
    assert work.teacher is not None
    teacher = work.teacher().requires_grad_(False).eval()
    found, own = (evaluate(n, EvaluationBatches(work.tuning.data, "search")) for n in (teacher, work.network))
    epochs = step.epochs(work.tuning.epochs)
    recipe = dataclasses.replace(work.tuning.recipe, distill_temperature=TEMPERATURE)
    tune(
        work.network,
        dataclasses.replace(work.tuning, recipe=recipe),
        stage=str(step),
        teacher=teacher,
        feature_weight=FEATURE_WEIGHT,
        epochs=epochs,
        lr_share=_NEAR,
    )
    weak = ", less than the network had: it may teach nothing" if found < own else ""
    return Made(work.network, f"{_epochs_text(epochs)}, the teacher has {100 * found:.1f} %{weak}")


def _prune(work: Work, step: Step) -> Made:
    assert isinstance(step.value, float)
    network = trainable(work.network)
    side = work.tuning.data.resolution
    details = prune(network, step.value, side=side, channel_multiple=max(work.channel_multiple, _LEAST_MULTIPLE))
    recalibrate_batch_norm(
        network,
        EvaluationBatches(work.tuning.data, "train", batch_size=_CALIBRATION_BATCH, limit=_CALIBRATION_IMAGES),
    )
    work.tune(network, step)
    return Made(network, details)


def _lowrank(work: Work, step: Step) -> Made:
    assert isinstance(step.value, float)
    network = trainable(work.network)
    details = lowrank.factorize(network, step.value)
    work.tune(network, step)
    return Made(network, details)


def _sparse(work: Work, step: Step) -> Made:
    assert step.value is not None
    network = trainable(work.network)
    details = sparse.sparsify(network, step.value, lambda: work.tune(network, step))
    return Made(network, details, weights_bytes=sparse.stored_bytes(network))


def _few_bits(work: Work, step: Step) -> Made:
    network = trainable(work.network)
    details = few_bits.train_few_bits(network, step.name, lambda: work.tune(network, step))
    return Made(network, details, weights_bytes=few_bits.stored_bytes(network, step.name))


def _int8(work: Work, step: Step) -> Made:  # noqa: ARG001  # one shape for all steps
    network = trainable(work.network)
    images = calibration_images(work.tuning.data)
    return Made(network, f"ranges from {len(images)} images", int8.quantize(network, images))


def _int8_qat(work: Work, step: Step) -> Made:
    network = trainable(work.network)
    images = calibration_images(work.tuning.data)
    graph = int8.quantize_in_training(network, images, lambda rounded: work.tune(rounded, step, _AT))
    return Made(network.eval(), _epochs_text(work.tuning.epochs), graph)


_APPLY: Mapping[str, Callable[[Work, Step], Made]] = MappingProxyType(
    {
        "train": _train,
        "distill": _distill,
        "prune": _prune,
        "lowrank": _lowrank,
        "sparse": _sparse,
        "int8": _int8,
        "int8-qat": _int8_qat,
        **dict.fromkeys(few_bits.FEW_BITS, _few_bits),
    }
)
