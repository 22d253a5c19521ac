"""Multi-head attention over the positions of a feature map, written so that every exporter takes it.

Query, key and value are separate 1x1 convolutions (so that leading slices are leading heads), no tensor has more
than four dimensions, and the attention itself is explicit matrix products; `use_fused_attention` has a whole network
use torch's fused operator instead, which some converters know better.

Notation: ``T = H * W`` query positions, ``S`` key positions, ``h`` heads of width ``d``.
"""

from __future__ import annotations

import torch
from timm.layers import create_conv2d
from torch import Tensor, nn
from torch.nn import functional as F


class MultiHeadAttention2d(nn.Module):
    """Multi-head self-attention ``(N, C, H, W) -> (N, out_chs, H, W)``, Vaswani et al. 2017, arXiv 1706.03762.

    Keys and values may be taken from a map shrunk by a strided depthwise convolution (Wang et al. 2021, PVT,
    arXiv 2102.12122, in the form of MobileNetV4, arXiv 2404.10518).

    Args:
        in_chs: channels of the input.
        out_chs: channels of the output.
        num_heads: number of heads.
        head_dim: width of each head.
        kv_stride: factor by which the map of keys and values is shrunk.
        kernel_size: window of the shrinking convolution.
        bias: give every projection a bias.

    Attributes:
        fused: run the attention as torch's fused operator instead (good for ncnn, bad for ExecuTorch); set for a whole
            network by `use_fused_attention`.
    """

    def __init__(
        self,
        in_chs: int,
        out_chs: int,
        *,
        num_heads: int,
        head_dim: int,
        kv_stride: int = 1,
        kernel_size: int = 3,
        bias: bool = False,
    ) -> None:
        super().__init__()
        width = num_heads * head_dim
        self.head_dim = head_dim
        self.scale = head_dim**-0.5
        self.fused = False
        self.kv_down: nn.Module = nn.Identity()
        if kv_stride > 1:
            self.kv_down = nn.Sequential(
                create_conv2d(in_chs, in_chs, kernel_size, stride=kv_stride, depthwise=True), nn.BatchNorm2d(in_chs)
            )
        self.query = nn.Conv2d(in_chs, width, 1, bias=bias)
        self.key = nn.Conv2d(in_chs, width, 1, bias=bias)
        self.value = nn.Conv2d(in_chs, width, 1, bias=bias)
        self.proj = nn.Conv2d(width, out_chs, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Attend from every position of ``x (N, C, H, W)`` to every (shrunk) position."""
        n, _, height, width = x.shape
        source = self.kv_down(x)
        q = self._heads(self.query(x)).transpose(2, 3)  # (N, h, T, d)
        k = self._heads(self.key(source))  # (N, h, d, S)
        v = self._heads(self.value(source)).transpose(2, 3)  # (N, h, S, d)
        if self.fused:
            out = F.scaled_dot_product_attention(q, k.transpose(2, 3), v)
        else:
            out = torch.softmax((q * self.scale) @ k, dim=-1) @ v  # (N, h, T, d)
        out = out.transpose(2, 3).reshape(n, -1, height, width)  # (N, h * d, H, W)
        projected: Tensor = self.proj(out)
        return projected

    def _heads(self, x: Tensor) -> Tensor:
        n, chs, height, width = x.shape
        return x.reshape(n, chs // self.head_dim, self.head_dim, height * width)  # (N, h, d, T)


def use_fused_attention(module: nn.Module, fused: bool = True) -> int:
    """Have every attention inside `module` run as torch's fused operator, or as explicit matrix products.

    Weights, outputs and MACs are the same; what differs is the operator that an exporter meets. Before an export:
    ``network = copy.deepcopy(network); use_fused_attention(network)``.

    Returns:
        How many attentions there are.
    """
    found = [m for m in module.modules() if isinstance(m, MultiHeadAttention2d)]
    for attention in found:
        attention.fused = fused
    return len(found)
