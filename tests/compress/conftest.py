"""A network of three blocks and a slice of the digits."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from nas.data import ImageData, load_data


def _conv(in_chs: int, out_chs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_chs, out_chs, 3, 2, 1, bias=False), nn.BatchNorm2d(out_chs), nn.ReLU())


def tiny_network() -> nn.Module:
    """Return three blocks, the second depthwise with a pointwise layer behind it."""
    depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, 2, 1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    pointwise = nn.Sequential(nn.Conv2d(16, 32, 1, bias=False), nn.BatchNorm2d(32))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            _conv(3, 16), nn.Sequential(depthwise, pointwise), _conv(32, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(32, 10),
        ).eval()  # fmt: skip


@pytest.fixture
def network() -> nn.Module:
    made = tiny_network()
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return made


@pytest.fixture(scope="session")
def few_digits() -> ImageData:
    digits = load_data("digits", resolution=32)
    few = {name: digits.split(name).take(np.arange(64)) for name in ("train", "search", "test")}
    return dataclasses.replace(digits, **few)
