"""Switchable scales: extracted networks compute what the supernet does; other sizes have other scales."""

import random

import pytest
import torch

from benchmarks.switchable import SwitchableSupernet
from nas.space.space import SearchSpace, load_space


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_space("benchmarks/narrow.yaml").for_classes(4)


def test_an_extracted_network_has_its_scales_in_its_weights(space: SearchSpace) -> None:
    supernet, rng = SwitchableSupernet(space, seed=0).eval(), random.Random(0)
    for parameter in supernet.parameters():
        if parameter.ndim == 1:  # norms begin at zero where there is a skip, scales at one: neither would show
            torch.nn.init.normal_(parameter, 1.0, 0.2)
    images = torch.randn(2, 3, 32, 32)
    for architecture in (space.largest(), *(space.sample(rng) for _ in range(4))):
        with torch.no_grad():
            assert torch.allclose(supernet(architecture, images), supernet.extract(architecture)(images), atol=1e-5)


def test_a_subnet_trains_the_scales_of_its_own_width_and_depth_alone(space: SearchSpace) -> None:
    supernet = SwitchableSupernet(space, seed=0).train()
    for parameter in supernet.parameters():
        if parameter.ndim == 1:
            torch.nn.init.ones_(parameter)
    largest = space.largest()
    supernet(largest, torch.randn(4, 3, 32, 32)).square().sum().backward()
    trained = {key for key, scale in supernet.scales.items() if scale.grad is not None and scale.grad.any()}
    stages = [(i, stage[0].out_chs, len(stage)) for i, stage in enumerate(largest.stages)]
    assert trained == {f"{i}_{j}_{width}_{depth}" for i, width, depth in stages for j in range(1, depth)}
