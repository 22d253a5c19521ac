"""Pointwise convolutions as the product of two thinner ones: Denton et al. 2014, arXiv 1404.0736, section 3.2.

The rank is a choice of the search space, as in *compress while searching*: a family with a field ``rank`` builds the
block as ever and hands it to `factorize`. The thinner layers are slices of those of a higher rank, so that all ranks
below 1 share weights; rank 1 is the plain layer, with the names and weights that it has without this choice.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from nas.blocks import parts

MULTIPLE = 8
"""Ranks are multiples of it: engines work on so many channels at once."""


def require_rank(rank: float) -> None:
    """Check a block's field `rank`."""
    parts.require(0 < rank <= 1, f"rank must be in (0, 1], got {rank}")


def rank_chs(in_chs: int, out_chs: int, rank: float) -> int:
    """Return the channels between the two layers.

    A share `rank` of the smaller number of channels, rounded down to a multiple of `MULTIPLE` but not to none: up to
    one half the two layers together never cost more than the one (equally much where input and output are equally
    wide and the rank is exactly a half).
    """
    smaller = min(in_chs, out_chs)
    return min(smaller, max(MULTIPLE, int(rank * smaller) // MULTIPLE * MULTIPLE))


def factorize(block: nn.Module, names: Iterable[str], rank: float) -> nn.Module:
    """Replace pointwise convolutions of `block` by two thinner ones each, in place.

    Args:
        block: holds them.
        names: of the convolutions, with dots; stride 1, no groups.
        rank: share of the smaller number of channels, in (0, 1]; 1 changes nothing.

    Returns:
        The block itself.
    """
    for name in names if rank < 1 else ():
        conv = block.get_submodule(name)
        assert isinstance(conv, nn.Conv2d) and conv.kernel_size == (1, 1) and conv.groups == 1, name
        between = rank_chs(conv.in_channels, conv.out_channels, rank)
        first = nn.Conv2d(conv.in_channels, between, 1, bias=False)
        second = nn.Conv2d(between, conv.out_channels, 1, bias=conv.bias is not None)
        block.set_submodule(name, nn.Sequential(first, second))
    return block
