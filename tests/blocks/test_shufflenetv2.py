"""The unit is the paper's with its channels in another order."""

import torch
from torch import Tensor

from nas.blocks.shufflenetv2 import ShuffleNetV2, ShuffleUnit, interleave, split_pairs


def papers_halves(kept: Tensor, convolved: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the next unit's branches get in the paper: joined, shuffled, cut in the middle."""
    joined = torch.cat([kept, convolved], dim=1)
    n, chs, height, width = joined.shape
    shuffled = joined.reshape(n, 2, chs // 2, height * width).transpose(1, 2).reshape(n, chs, height, width)
    front, back = shuffled.chunk(2, dim=1)
    return front, back


def test_each_branch_hands_half_of_itself_to_either_branch_of_the_next_unit() -> None:
    kept, convolved = torch.arange(8.0).reshape(1, 8, 1, 1), torch.arange(10.0, 18.0).reshape(1, 8, 1, 1)
    ours, papers = split_pairs(interleave(kept, convolved)), papers_halves(kept, convolved)
    for halves in (ours, papers):
        assert [int((half < 10).sum()) for half in halves] == [4, 4]
        assert sorted(torch.cat(halves, dim=1).flatten().tolist()) == [*range(8), *range(10, 18)]


def test_leading_channels_in_are_leading_channels_out() -> None:
    x = torch.randn(1, 16, 3, 3)
    for half, leading in zip(split_pairs(x), split_pairs(x[:, :8]), strict=True):
        assert torch.equal(half[:, :4], leading)
    a, b = torch.randn(1, 8, 3, 3), torch.randn(1, 8, 3, 3)
    assert torch.equal(interleave(a, b)[:, :8], interleave(a[:, :4], b[:, :4]))


def test_what_passes_is_untouched() -> None:
    unit = ShuffleNetV2(8).build(8).eval()
    assert isinstance(unit, ShuffleUnit)
    x = torch.randn(2, 8, 5, 5)
    with torch.no_grad():
        out = unit(x)
    assert torch.equal(out[:, 0::2], split_pairs(x)[0])
    assert torch.equal(out[:, 1::2], unit.branch2(split_pairs(x)[1]))
