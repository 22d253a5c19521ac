"""Heads of attention over a feature map removed as wholes, the least important first.

Michel et al. 2019, arXiv 1905.10650: many heads can go. Their importance here is the norm of all weights that leave
with the head, as for channels. torch-pruning does not see through the reshaping between the projections, but nothing
outside depends on it: queries, keys and values of a head lie in its own rows, and only the last projection reads them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.blocks.attention2d import MultiHeadAttention2d


@torch.no_grad()
def prune_heads(network: nn.Module, ratio: float) -> int:
    """Remove heads from every `MultiHeadAttention2d` of `network` in place; at least one stays.

    Args:
        network: in any mode.
        ratio: share of the heads to remove, rounded down.

    Returns:
        How many heads were removed.
    """
    return sum(_prune(m, ratio) for m in network.modules() if isinstance(m, MultiHeadAttention2d))


def _prune(attention: MultiHeadAttention2d, ratio: float) -> int:
    width = attention.head_dim
    makers = [_convs(part)[-1] for part in (attention.query, attention.key, attention.value)]
    reader = _convs(attention.proj)[0]
    heads = reader.in_channels // width
    removed = min(heads - 1, int(ratio * heads + 1e-9))
    if removed < 1:
        return 0
    norms = sum(_rows(conv.weight, width) for conv in makers) + _rows(reader.weight.transpose(0, 1), width)
    assert isinstance(norms, Tensor)
    kept = norms.topk(heads - removed).indices.sort().values
    channels = (kept[:, None] * width + torch.arange(width)).flatten()
    for conv in makers:
        conv.weight = nn.Parameter(conv.weight[channels])
        conv.bias = None if conv.bias is None else nn.Parameter(conv.bias[channels])
        conv.out_channels = len(channels)
    reader.weight = nn.Parameter(reader.weight[:, channels])
    reader.in_channels = len(channels)
    return removed


def _convs(part: nn.Module) -> list[nn.Conv2d]:
    """Return a projection's convolution, or its two where it is of low rank."""
    return [m for m in part.modules() if isinstance(m, nn.Conv2d)]


def _rows(weight: Tensor, width: int) -> Tensor:
    """Return the squared norm of each head's rows."""
    return weight.square().flatten(1).sum(dim=1).reshape(-1, width).sum(dim=1)
