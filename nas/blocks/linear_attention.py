"""Multi-scale linear attention: Cai et al. 2022, EfficientViT, arXiv 2205.14756, figures 2 and 3.

Attention with ReLU in the place of softmax, so that its cost grows with the number of positions and not with its
square. timm's packs query, key and value into one tensor; here they are apart, head after head.

Notation: ``T = H * W`` positions, ``h`` heads of width ``d``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from timm.models.efficientvit_mit import ConvNormAct, ResidualBlock
from torch import Tensor, nn
from torch.nn import functional as F

from nas.blocks import parts
from nas.blocks.one_norm_mbconv import one_norm_mbconv

EPS = 1e-5


class MultiScaleLinearAttention(nn.Module):
    """ReLU linear attention over all positions, at two scales: ``(N, C, H, W) -> (N, C, H, W)``.

    The second scale's queries, keys and values are sums over windows of the first's.
    """

    def __init__(self, chs: int, *, num_heads: int, head_dim: int, kernel_size: int) -> None:
        super().__init__()
        width = num_heads * head_dim
        self.head_dim = head_dim
        self.query = nn.Conv2d(chs, width, 1, bias=False)
        self.key = nn.Conv2d(chs, width, 1, bias=False)
        self.value = nn.Conv2d(chs, width, 1, bias=False)
        self.query_sum = _window_sum(width, num_heads, kernel_size)
        self.key_sum = _window_sum(width, num_heads, kernel_size)
        self.value_sum = _window_sum(width, num_heads, kernel_size)
        self.proj = ConvNormAct(2 * width, chs, 1, act_layer=None)

    def forward(self, x: Tensor) -> Tensor:
        """Attend from every position of ``x (N, C, H, W)`` to every position."""
        q, k, v = self.query(x), self.key(x), self.value(x)
        near = self._attend(q, k, v)
        far = self._attend(self.query_sum(q), self.key_sum(k), self.value_sum(v))
        out: Tensor = self.proj(torch.cat([near, far], dim=1))
        return out

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = self._heads(F.relu(query)), self._heads(F.relu(key)), self._heads(value)  # each (N, h, d, T)
        weighted = (v @ k.transpose(2, 3)) @ q  # (N, h, d, d) @ (N, h, d, T)
        total = k.sum(dim=3, keepdim=True).transpose(2, 3) @ q  # (N, h, 1, T)
        return (weighted / (total + EPS)).reshape(query.shape)

    def _heads(self, x: Tensor) -> Tensor:
        n, chs, height, width = x.shape
        return x.reshape(n, chs // self.head_dim, self.head_dim, height * width)


def _window_sum(width: int, num_heads: int, kernel_size: int) -> nn.Sequential:
    """Make a depthwise convolution and a mixing of each head's channels."""
    return nn.Sequential(
        nn.Conv2d(width, width, kernel_size, padding=kernel_size // 2, groups=width, bias=False),
        nn.Conv2d(width, width, 1, groups=num_heads, bias=False),
    )


@dataclass(frozen=True, slots=True)
class LinearAttention:
    """Multi-scale linear attention, then an inverted residual for local detail, each with a skip.

    Attributes:
        kernel_size: window over which the second scale gathers queries, keys and values.
        exp_ratio: expansion of the inverted residual.
    """

    kind: ClassVar[str] = "linear_attention"
    reshapes: ClassVar[bool] = False
    packed: ClassVar[Mapping[str, tuple[int, ...]]] = MappingProxyType(
        {"context_module.main.proj.conv.weight": (1, 2)}  # one part for each scale
    )

    out_chs: int
    num_heads: int = 4
    head_dim: int = 16
    kernel_size: int = 5
    exp_ratio: float = 4.0
    act: parts.Act = "hard_swish"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, 1, self.kernel_size)
        parts.require_heads(self.num_heads, self.head_dim)
        parts.require_ratio(self.exp_ratio, "exp_ratio")

    @property
    def stride(self) -> int:
        """Attention keeps height and width."""
        return 1

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scales of the last batch norms of attention and inverted residual."""
        return ("context_module.main.proj.norm.weight", "local_module.main.point_conv.norm.weight")

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, out_chs, H, W) -> (N, out_chs, H, W)``.

        Raises:
            ValueError: if `in_chs` is not `out_chs`.
        """
        parts.require(in_chs == self.out_chs, f"linear attention keeps its {in_chs} channels, not {self.out_chs}")
        attention = MultiScaleLinearAttention(
            in_chs, num_heads=self.num_heads, head_dim=self.head_dim, kernel_size=self.kernel_size
        )
        local = one_norm_mbconv(in_chs, in_chs, exp_ratio=self.exp_ratio, act=self.act)
        block = nn.Sequential()
        block.add_module("context_module", ResidualBlock(attention, nn.Identity()))
        block.add_module("local_module", ResidualBlock(local, nn.Identity()))
        return block


BLOCK = LinearAttention
