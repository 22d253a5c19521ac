"""The skip of a residual convolution: it begins as the identity only where it can leave it again."""

from typing import get_args

import pytest
import torch

from nas.blocks import parts
from nas.blocks.residual_conv import ResidualConv
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem


@pytest.mark.parametrize("act", get_args(parts.Act))
def test_what_begins_as_the_identity_still_learns(act: parts.Act) -> None:
    torch.manual_seed(0)
    block = ResidualConv(8, act=act)
    module = block.build(8)
    for name in block.residual_exits:
        torch.nn.init.zeros_(module.get_parameter(name))
    x = torch.randn(2, 8, 6, 6)
    out = module(x)
    assert torch.equal(out, x) == bool(block.residual_exits)
    (out * torch.randn_like(out)).sum().backward()
    assert module.get_parameter("bn1.weight").grad.abs().sum() > 0


def test_it_stands_only_where_there_is_a_skip() -> None:
    with pytest.raises(ValueError, match="cannot change 16 to 24"):
        Architecture(32, 10, Stem(16), ((ResidualConv(24),),), Head())
    with pytest.raises(ValueError, match="keeps its 16 channels"):
        ResidualConv(24).build(16)
