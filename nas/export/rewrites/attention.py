"""timm's attention without tensors of five dimensions, for converters that know four at most."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn


class SplitAttention(nn.Module):
    """Multi-head self-attention on (N, T, D) with a product each for queries, keys and values.

    Args:
        attention: a `timm.layers.Attention`, whose weights it takes.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.scale = attention.num_heads, attention.head_dim, attention.scale
        self.q, self.k, self.v = (_third(attention.qkv, part) for part in range(3))
        self.q_norm, self.k_norm, self.norm, self.proj = (
            attention.q_norm,
            attention.k_norm,
            attention.norm,
            attention.proj,
        )

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """Return what the attention it was made from returns; classifiers hide no token from another."""
        assert attn_mask is None
        assert not is_causal
        q, k, v = (layer(x).unflatten(2, (self.num_heads, self.head_dim)).transpose(1, 2) for layer in self._parts())
        scores = (self.q_norm(q) * self.scale) @ self.k_norm(k).transpose(2, 3)  # (N, heads, T, T)
        tokens: Tensor = self.proj(self.norm((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)))
        return tokens

    def _parts(self) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        return self.q, self.k, self.v


def with_split_attention(module: nn.Module) -> nn.Module:
    """Return `module` with every plain attention of timm's split: a copy, or itself if it has none."""
    if not any(_is_plain(child) for child in module.modules()):
        return module
    result = copy.deepcopy(module)
    for parent in list(result.modules()):
        for name, child in list(parent.named_children()):
            if _is_plain(child):
                setattr(parent, name, SplitAttention(child))
    return result


def _is_plain(module: nn.Module) -> bool:
    from timm.layers import Attention

    return type(module) is Attention and getattr(module, "gate", None) is None


def _third(qkv: nn.Linear, part: int) -> nn.Linear:
    rows = qkv.out_features // 3
    made = nn.Linear(qkv.in_features, rows, bias=qkv.bias is not None)
    chosen = slice(part * rows, (part + 1) * rows)
    made.weight.data = qkv.weight.data[chosen].clone()
    if qkv.bias is not None:
        made.bias.data = qkv.bias.data[chosen].clone()
    return made
