"""Groups have a fixed width, so leading channels are leading groups."""

import pytest
import torch
from timm.models.regnet import Bottleneck

from nas.blocks.group_bottleneck import GroupBottleneck
from nas.model.slicing import slice_like


def test_it_is_timms_bottleneck() -> None:
    theirs = Bottleneck(16, 24, stride=2, bottle_ratio=1, group_size=8, se_ratio=0.25).eval()
    ours = GroupBottleneck(24, 2, se=True).build(16).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 16, 9, 9)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize(("bottle_ratio", "groups"), [(1.0, 3), (0.5, 2), (0.1, 1)])
def test_there_are_whole_groups(bottle_ratio: float, groups: int) -> None:
    conv = GroupBottleneck(24, bottle_ratio=bottle_ratio, group_width=8).build(24).conv2.conv
    assert (conv.groups, conv.out_channels) == (groups, groups * 8)


def test_a_narrower_one_computes_leading_groups() -> None:
    wide, narrow = GroupBottleneck(32).build(16).eval(), GroupBottleneck(16).build(16).eval()
    shared = wide.state_dict()
    narrow.conv2.load_state_dict(
        {k: slice_like(shared[f"conv2.{k}"], tuple(w.shape)) for k, w in narrow.conv2.state_dict().items()}
    )
    x = torch.randn(2, 32, 5, 5)
    with torch.no_grad():
        assert torch.allclose(narrow.conv2(x[:, :16]), wide.conv2(x)[:, :16], atol=1e-6)
