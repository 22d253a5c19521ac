import pytest
import torch
from torch import nn

from nas.blocks.low_rank import factorize, rank_chs
from nas.blocks.mbconv import MBConv
from nas.cost.cost import trace_part
from nas.model.supernet import Supernet
from nas.schema import to_dict
from nas.space.architecture import Architecture
from nas.space.space import SearchSpace, load_space

RANKS = (1.0, 0.5, 0.25)


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_space("tiny-compressed").for_classes(3)


def with_rank(space: SearchSpace, rank: float) -> Architecture:
    """Return the seed of MBConv blocks with one rank wherever its choices have it."""
    plain = dict(space.seeds())["mobilenetv2-medium"]
    answers = {
        n: rank if n.endswith(".rank") and rank in space.parameters[n] else v for n, v in space.encode(plain).items()
    }
    return space.decode(answers)


@pytest.mark.parametrize("wide", [32, 48, 64, 96])
def test_up_to_a_half_two_layers_never_cost_more_than_one(wide: int) -> None:
    for narrow in (16, 32, wide):
        for rank in (0.5, 0.25, 0.1):
            between = rank_chs(wide, narrow, rank)
            assert between % 8 == 0
            assert between * (wide + narrow) <= wide * narrow


def test_few_channels_stay_few() -> None:
    assert rank_chs(3, 64, 0.5) == 3


def test_the_two_layers_have_the_rank_and_the_one_bias() -> None:
    block = factorize(nn.Sequential(nn.Conv2d(32, 64, 1)), ("0",), 0.5)
    first, second = block[0]
    assert (first.out_channels, first.bias, second.bias is None) == (16, None, False)
    assert block(torch.zeros(1, 32, 4, 4)).shape == (1, 64, 4, 4)


def test_rank_one_is_the_block_as_it_was_with_its_description() -> None:
    assert "rank" not in to_dict(MBConv(out_chs=32))
    assert "conv_pw.weight" in dict(MBConv(out_chs=32).build(32).named_parameters())


def test_a_lower_rank_costs_less() -> None:
    costs = [trace_part(MBConv(out_chs=64, rank=rank), (64, 8, 8)).macs for rank in RANKS]
    assert costs == sorted(costs, reverse=True)
    assert costs[2] < 0.5 * costs[0]


def test_ranks_below_one_share_their_weights_and_are_extracted(space: SearchSpace) -> None:
    supernet = Supernet(space, seed=0).eval()
    half, quarter = with_rank(space, 0.5), with_rank(space, 0.25)
    large, small = supernet.weights(half), supernet.weights(quarter)
    name = next(n for n in small if n.endswith("conv_pw.0.weight") and small[n].shape[0] < large[n].shape[0])
    assert torch.equal(small[name], large[name][: len(small[name])])
    images = torch.randn(2, 3, 32, 32)
    for architecture in (half, quarter):
        with torch.no_grad():
            torch.testing.assert_close(supernet.extract(architecture)(images), supernet(architecture, images))


def test_the_space_tells_ranks_apart_and_the_network_is_smaller(space: SearchSpace) -> None:
    found = {rank: with_rank(space, rank) for rank in RANKS}
    assert len({a.digest for a in found.values()}) == 3
    assert all(space.contains(a) for a in found.values())
