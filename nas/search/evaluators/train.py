"""`train`: every candidate is trained from scratch for a few passes, all for equally many.

What the sampler sees is of one fidelity. The best are then trained anew for longer (`nas.search.rungs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.search.evaluators.contract import Kind, Order, Setting
from nas.training.device import CPU, placed, resolve
from nas.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from nas.blocks.user import BlockFile
    from nas.data import ImageData


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """How a worker makes its evaluator.

    Attributes:
        data: what `nas.data.load_data` takes.
        data_root: folder that relative data names are looked for in.
        data_seed: decides the splits.
        resolution: the largest of the space.
        recipe: one candidate's training; its seed decides the initial weights too.
        blocks: files of block families that the space needs beside those of the package.
        device: what the worker computes on (`nas.training.device.resolve`).
    """

    data: str
    data_root: Path | None
    data_seed: int
    resolution: int
    recipe: Recipe
    blocks: tuple[BlockFile, ...] = ()
    device: str = CPU

    def build(self) -> TrainEvaluator:
        """Load the data, in the process that will use them."""
        from nas.data import load_data

        device = resolve(self.device)
        for file in self.blocks:
            file.load()
        data = load_data(self.data, resolution=self.resolution, seed=self.data_seed, root=self.data_root)
        return TrainEvaluator(data, self.recipe, device)

    def packed(self) -> TrainSpec:
        """Return itself: the data must be where the workers are."""
        return self


class TrainEvaluator:
    """Gives the accuracy on the search split after a training from random weights."""

    def __init__(self, data: ImageData, recipe: Recipe, device: torch.device) -> None:
        from nas.data.batches import EvaluationBatches

        self._data = data
        self._recipe = recipe
        self._device = device
        self._scoring = EvaluationBatches(data, "search")

    def evaluate(self, architecture: dict[str, Any]) -> float:
        """Return the accuracy, in [0, 1], of the architecture that the plain data describe."""
        from nas.model.network import build
        from nas.search.supernet_evaluator import at_resolution
        from nas.space.architecture import Architecture
        from nas.training.train import evaluate, train

        described = Architecture.from_dict(architecture)
        network = placed(at_resolution(build(described, seed=self._recipe.seed), described), self._device)
        train(network, self._data, self._recipe)
        return evaluate(network, self._scoring)


def spec(_order: Order, setting: Setting) -> TrainSpec:
    """Return the recipe."""
    resolution = max(setting.space.resolutions)
    data = setting.data, setting.data_root, setting.seed
    return TrainSpec(*data, resolution, setting.recipe, setting.blocks, setting.device)


KIND = Kind(spec, words="after a short training from scratch")
