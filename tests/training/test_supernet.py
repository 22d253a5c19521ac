"""Supernet training: the sandwich rule learns, and every step depends on seed and number alone."""

import random

import torch
import yaml

from nas.model.supernet import Supernet
from nas.space.space import SearchSpace, load_space
from nas.training.loop import fit
from nas.training.recipe import Recipe
from nas.training.supernet import RANDOM_SUBNETS, sandwich, sandwich_step
from tests.small_run import SPACE


def test_a_sandwich_holds_a_largest_and_a_smallest() -> None:
    space = load_space("tiny-hybrid").for_classes(4)
    largest, smallest, *others = sandwich(space, random.Random(0))
    assert len(others) == RANDOM_SUBNETS
    assert [len(s) for s in largest.stages] == [max(s.depth) for s in space.stages]
    assert [len(s) for s in smallest.stages] == [min(s.depth) for s in space.stages]
    assert all(space.contains(a) for a in (largest, smallest, *others))


class OneBatch:
    """Two classes of images that a mean over positions tells apart."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.labels = torch.arange(16) % 2
        self.images = torch.randn(16, 3, 16, 16, generator=generator) + 2.0 * self.labels.view(-1, 1, 1, 1)

    def __len__(self) -> int:
        return 4

    def epoch(self, number):
        return iter([(self.images, self.labels)] * 4)


def trained(seed: int, **changes) -> tuple[Supernet, list[float]]:
    space = SearchSpace.read(yaml.safe_load(SPACE)).for_classes(2)
    supernet = Supernet(space, seed=seed).train()
    recipe = Recipe(epochs=12, batch_size=16, lr=1e-2, seed=seed, label_smoothing=0.0, **changes)
    result = fit(supernet, sandwich_step(supernet, recipe), OneBatch(), recipe)
    return supernet, [h["smaller_loss"] for h in result.history]


def test_subnets_learn_together_and_reproducibly() -> None:
    first, losses = trained(1)
    assert losses[-1] < 0.5 * losses[0]
    again, _ = trained(1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_subnets_learn_by_alpha_divergence_too() -> None:
    supernet, losses = trained(1, distill_divergence="alpha")
    assert losses[-1] < 0.5 * losses[0]
    other, _ = trained(1)
    assert not all(torch.equal(a, b) for a, b in zip(supernet.parameters(), other.parameters(), strict=True))
