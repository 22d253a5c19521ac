"""How the weights of a smaller module lie inside those of a larger one."""

from __future__ import annotations

from torch import Tensor

Shape = tuple[int, ...]


def slice_like(shared: Tensor, shape: Shape) -> Tensor:
    """Return the view of `shared` that a smaller module of the same kind uses.

    Channels are leading slices; the window of a convolution is its centre (Cai et al. 2020, Once-for-All,
    arXiv 1908.09791, without the learnt kernel transformation).

    Args:
        shared: weights of the largest module, ``(out_chs, in_chs, k, k)`` or ``(chs,)`` or a scalar.
        shape: shape of the smaller module's weights, nowhere larger.
    """
    view = shared
    for dim, (have, want) in enumerate(zip(shared.shape, shape, strict=True)):
        if have != want:
            start = (have - want) // 2 if len(shape) == 4 and dim >= 2 else 0
            view = view.narrow(dim, start, want)
    return view
