"""How the weights of a smaller module lie inside those of a larger one.

A dimension made of several equal parts one behind the other (the two halves of a Ghost module, the scales of a
multi-scale attention) is *packed*: each part is sliced by itself. A block family says which of its weights are, in
its optional class attribute ``packed``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Shape = tuple[int, ...]
Segments = tuple[int, ...]
"""Number of equal parts of each leading dimension of a weight; dimensions that are not named have one."""


class Cut(NamedTuple):
    """Of dimension `dim`, the pieces of `length` that begin at `starts`, one behind the other."""

    dim: int
    length: int
    starts: tuple[int, ...]


Cuts = tuple[Cut, ...]


def packed_weights(block: object) -> Mapping[str, Segments]:
    """Return the packed weights of a block or family by name; most have none."""
    packed: Mapping[str, Segments] = getattr(block, "packed", {})
    return packed


def slice_like(shared: Tensor, shape: Shape, segments: Segments = ()) -> Tensor:
    """Return the part of `shared` that a smaller module of the same kind uses: a view, a copy where it is packed.

    Channels are leading slices; the window of a convolution is its centre (Cai et al. 2020, Once-for-All,
    arXiv 1908.09791, without the learnt kernel transformation).

    Args:
        shared: weights of the largest module, ``(out_chs, in_chs, k, k)`` or ``(chs,)`` or a scalar.
        shape: shape of the smaller module's weights, nowhere larger.
        segments: parts of each dimension.
    """
    return cut(shared, cuts(tuple(shared.shape), shape, segments))


def cuts(have: Shape, want: Shape, segments: Segments = ()) -> Cuts:
    """Work out what `cut` has to do to give a tensor of shape `have` the shape `want`."""
    starts = _starts(have, want, segments)
    return tuple(
        Cut(dim, want[dim] // len(starts[dim]), tuple(starts[dim]))
        for dim in range(len(have))
        if have[dim] != want[dim]
    )


def cut(shared: Tensor, cuts: Cuts) -> Tensor:
    """Return a slice of `shared`: a view, a copy where a dimension is packed."""
    view = shared
    for dim, length, starts in cuts:
        if len(starts) == 1:
            view = view.narrow(dim, starts[0], length)
        else:
            view = torch.cat([view.narrow(dim, start, length) for start in starts], dim)
    return view


def enclosing(tensors: Sequence[Tensor], segments: Segments = ()) -> Tensor:
    """Return the smallest tensor that has a slice of the shape of each of `tensors`.

    It holds their values, those of larger ones over those of smaller ones; what none of them covers is zero.
    """
    shape = tuple(max(sizes) for sizes in zip(*(t.shape for t in tensors), strict=True))
    result = tensors[0].new_zeros(shape)
    largest_first = sorted(tensors, key=Tensor.numel, reverse=True)
    for tensor in reversed(largest_first):
        paste(result, tensor, segments)
    return result


def paste(shared: Tensor, smaller: Tensor, segments: Segments = ()) -> None:
    """Write the weights of a smaller module to the place in `shared` that `slice_like` reads them from."""
    places = _starts(tuple(shared.shape), tuple(smaller.shape), segments)
    for piece in itertools.product(*(enumerate(starts) for starts in places)):
        into, part = shared, smaller
        for dim, (number, start) in enumerate(piece):
            length = smaller.shape[dim] // len(places[dim])
            into, part = into.narrow(dim, start, length), part.narrow(dim, number * length, length)
        into.copy_(part)


def _starts(have: Shape, want: Shape, segments: Segments) -> list[list[int]]:
    """Return, for each dimension, where the smaller weights' parts begin in the larger ones."""
    starts = []
    for dim, (large, small) in enumerate(zip(have, want, strict=True)):
        if len(have) == 4 and dim >= 2:
            starts.append([(large - small) // 2])
        else:
            count = segments[dim] if dim < len(segments) else 1
            starts.append([part * (large // count) for part in range(count)])
    return starts
