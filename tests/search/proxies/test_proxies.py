"""Sign and scale of each proxy on networks small enough to know the answer."""

import math

import pytest
import torch
from torch import nn

from nas.blocks.mbconv import MBConv
from nas.model.network import build
from nas.search.proxies import PROXIES, ProxyBatch, rank_average
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

NAMES = pytest.mark.parametrize("name", PROXIES)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return ProxyBatch(torch.randn(8, 3, 8, 8, generator=generator), torch.arange(8) % 4)


def network(width, depth=2):
    torch.manual_seed(0)
    layers, before = [], 3
    for _ in range(depth):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4))


@NAMES
def test_a_wide_network_scores_higher_than_a_narrow_one(name, batch):
    scores = [PROXIES[name](network(width), batch) for width in (2, 32)]
    assert scores[0] < scores[1]


@NAMES
def test_the_same_network_scores_the_same(name, batch):
    first, again = (PROXIES[name](network(8), batch) for _ in range(2))
    assert math.isfinite(first)
    assert first == again


def linear(weight):
    module = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(weight))
    return nn.Sequential(nn.Flatten(), module)


@pytest.fixture
def pairs():
    return ProxyBatch(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))


def test_params_and_macs_are_counts(batch):
    assert PROXIES["params"](network(2, 1), batch) == 3 * 2 * 9 + 2 * 2 + 2 * 4 + 4
    assert PROXIES["macs"](network(2, 1), batch) == 3 * 2 * 9 * 64 + 2 * 4


def test_synflow_is_the_log_of_the_sum_over_paths(pairs):
    assert PROXIES["synflow"](linear([[1.0, -2.0], [3.0, 4.0]]), pairs) == pytest.approx(math.log(10))


def test_synflow_leaves_the_weights_alone(pairs):
    module = linear([[1.0, -2.0], [3.0, 4.0]])
    PROXIES["synflow"](module, pairs)
    assert module[1].weight.tolist() == [[1.0, -2.0], [3.0, 4.0]]


def test_gradients_of_equal_logits_are_known(pairs):
    # softmax gives one half each: the gradient is +-1/4 in all four places
    module = linear([[1.0, 1.0], [1.0, 1.0]])
    assert PROXIES["grad_norm"](module, pairs) == pytest.approx(0.5)
    assert PROXIES["snip"](module, pairs) == pytest.approx(1.0)


def test_naswot_counts_agreeing_units(pairs):
    with torch.no_grad():
        module = nn.Sequential(*linear([[1.0, -1.0], [-1.0, 1.0]]), nn.ReLU())
    # each image switches on its own unit: they agree with themselves on two, with each other on none
    assert PROXIES["naswot"](module, pairs) == pytest.approx(math.log(4))


def test_naswot_of_images_that_cannot_be_told_apart_is_the_lowest(pairs):
    module = nn.Sequential(*linear([[1.0, 1.0], [1.0, 1.0]]), nn.ReLU())
    assert PROXIES["naswot"](module, pairs) == -math.inf


def test_zen_adds_the_spread_that_batch_norms_divide_away(batch):
    deep, shallow = (PROXIES["zen"](network(8, depth), batch) for depth in (4, 1))
    assert deep > shallow + 3 * 0.5 * math.log(8)


def test_zen_judges_layer_norm_in_the_place_of_batch_norm_alike(batch):
    def score(norm, depth):
        stem, blocks = Stem(8, stride=1, norm=norm), (MBConv(8, exp_ratio=2, norm=norm),) * depth
        return PROXIES["zen"](build(Architecture(8, 4, stem, (blocks,), Head()), seed=0), batch)

    grown = {norm: score(norm, 4) - score(norm, 1) for norm in ("batch", "layer")}
    assert grown["layer"] == pytest.approx(grown["batch"], rel=0.2)
    assert grown["layer"] > 3


def test_zico_rewards_steady_gradients():
    images = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 0, 1])
    similar = ProxyBatch(torch.cat([images, images * 1.001]), labels.repeat(2))
    unlike = ProxyBatch(torch.cat([images, -images]), labels.repeat(2))
    weight = [[0.1, 0.2], [0.3, -0.1]]
    assert PROXIES["zico"](linear(weight), similar) > PROXIES["zico"](linear(weight), unlike) + 3


def test_the_rank_average_is_between_worst_and_best():
    scores = {"a": [1.0, 2.0, 3.0], "b": [-math.inf, 5.0, 4.0]}
    assert rank_average(scores, ("a", "b")).tolist() == [0.0, 0.75, 0.75]
