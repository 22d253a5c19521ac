"""Scoring a candidate with the weights it inherits from the supernet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.blocks.user import BlockFile
from nas.errors import UserError
from nas.space.space import SearchSpace
from nas.training.device import CPU, placed, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from nas.data import ImageData
    from nas.data.batches import Batch, EvaluationBatches
    from nas.model.supernet import Supernet
    from nas.space.architecture import Architecture
    from nas.training.precision import Precision
    from nas.training.train import Score

CALIBRATION_IMAGES = 384
_CALIBRATION_BATCH = 64


@dataclass(frozen=True, slots=True)
class SupernetSpec:
    """How a worker makes its evaluator.

    Attributes:
        space: the space of the supernet (not restricted to a target).
        weights: file of the supernet's weights.
        data: what `nas.data.load_data` takes.
        data_root: folder that relative data names are looked for in.
        data_seed: decides the splits.
        blocks: files of block families that the space needs beside those of the package.
        content: the weights file's bytes, where workers may not see the file.
        device: what the worker computes on (`nas.training.device.resolve`).
        precision: ``float``, or ``int8``: scored as if rounded to eight bits.
    """

    space: SearchSpace
    weights: Path
    data: str
    data_root: Path | None
    data_seed: int
    blocks: tuple[BlockFile, ...] = ()
    content: bytes | None = None
    device: str = CPU
    precision: Precision = "float"

    def build(self) -> SupernetEvaluator:
        """Load weights and data, in the process that will use them."""
        from nas.data import load_data
        from nas.model.supernet import Supernet

        device = resolve(self.device)
        for file in self.blocks:
            file.load()
        data = load_data(self.data, resolution=max(self.space.resolutions), seed=self.data_seed, root=self.data_root)
        supernet = Supernet(self.space).eval()
        load_supernet(supernet, self.content if self.content is not None else self.weights)
        return SupernetEvaluator(placed(supernet, device), data, precision=self.precision)

    def packed(self) -> SupernetSpec:
        """Return a recipe that carries the weights, for workers on other machines (the data must be there)."""
        return self if self.content is not None else replace(self, content=self.weights.read_bytes())


class SupernetEvaluator:
    """Gives the accuracy on the search split that an architecture has with inherited weights.

    Args:
        supernet: the trained shared weights.
        data: gives the images.
        precision: ``int8`` rounds weights and activations to eight bits first.
        calibration_images: how many give a subnet its batch norm statistics.
    """

    def __init__(
        self,
        supernet: Supernet,
        data: ImageData,
        *,
        precision: Precision = "float",
        calibration_images: int = CALIBRATION_IMAGES,
    ) -> None:
        from nas.data.batches import EvaluationBatches

        self._supernet = supernet
        self._precision = precision
        self._calibration = calibration_batches(data, calibration_images)
        self._scoring = EvaluationBatches(data, "search")

    def evaluate(self, architecture: dict[str, Any]) -> float:
        """Return the accuracy, in [0, 1], of the architecture that the plain data describe."""
        return self.score(architecture).accuracy

    def score(self, architecture: dict[str, Any]) -> Score:
        """Return the accuracy and the loss of the architecture that the plain data describe."""
        from nas.space.architecture import Architecture
        from nas.training.fake_quant import simulate_int8
        from nas.training.train import score

        described = Architecture.from_dict(architecture)
        network = at_resolution(inherit(self._supernet, described, self._calibration), described)
        if self._precision == "int8":
            network = simulate_int8(network, self._calibration)
        return score(network, self._scoring)


def calibration_batches(data: ImageData, images: int = CALIBRATION_IMAGES) -> EvaluationBatches:
    """Return training images without augmentation, for the batch norms of subnets."""
    from nas.data.batches import EvaluationBatches

    return EvaluationBatches(data, "train", batch_size=_CALIBRATION_BATCH, limit=images)


def inherit(supernet: Supernet, architecture: Architecture, calibration: Iterable[Batch]) -> nn.Sequential:
    """Return the subnet as an ordinary network with its own batch norm statistics, in eval mode.

    Args:
        supernet: the trained shared weights.
        architecture: which subnet.
        calibration: see `calibration_batches`.
    """
    from nas.training.train import recalibrate_batch_norm

    network = supernet.extract(architecture)
    sized = at_resolution(network, architecture)
    recalibrate_batch_norm(sized, calibration)
    return network


def at_resolution(network: nn.Module, architecture: Architecture) -> nn.Module:
    """Return a module that first resizes its images to the architecture's resolution."""
    from torch import nn as torch_nn

    from nas.model.resizing import Resize

    return torch_nn.Sequential(Resize(architecture.resolution), network)


def load_supernet(supernet: Supernet, weights: Path | bytes) -> None:
    """Fill a supernet from a safetensors file or its bytes.

    Raises:
        UserError: if the file is broken or belongs to another space.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(weights if isinstance(weights, bytes) else weights.read_bytes())
        supernet.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        place = "supernet" if isinstance(weights, bytes) else str(weights)
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{place}: not the weights of this space's supernet ({reason}); delete it to train anew"
        ) from None
