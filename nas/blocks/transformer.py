"""Transformer encoder block on a feature map: Dosovitskiy et al. 2020, ViT, arXiv 2010.11929, figure 1.

Pre-norm attention and MLP as 1x1 convolutions, so that the map keeps its layout; position comes from a depthwise 3x3
convolution (conditional positional encoding, Chu et al. 2021, arXiv 2102.10882).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.layers import ConvMlp, LayerNorm2d, create_conv2d
from torch import Tensor, nn

from nas.blocks import parts
from nas.blocks.attention2d import MultiHeadAttention2d


class TransformerBlock(nn.Module):
    """Positional encoding, attention and MLP, each with a skip: ``(N, C, H, W) -> (N, C, H, W)``."""

    def __init__(self, chs: int, *, num_heads: int, head_dim: int, mlp_chs: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.pos = create_conv2d(chs, chs, 3, depthwise=True, bias=True)
        self.norm1 = LayerNorm2d(chs)
        self.attn = MultiHeadAttention2d(chs, chs, num_heads=num_heads, head_dim=head_dim)
        self.norm2 = LayerNorm2d(chs)
        self.mlp = ConvMlp(chs, mlp_chs, act_layer=act)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``x (N, C, H, W)``."""
        x = x + self.pos(x)
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


@dataclass(frozen=True, slots=True)
class Transformer:
    """A transformer block; it keeps channels and resolution, so it cannot open a stage that changes them."""

    kind: ClassVar[str] = "transformer"
    reshapes: ClassVar[bool] = False

    out_chs: int
    num_heads: int = 4
    head_dim: int = 16
    mlp_ratio: float = 2.0
    act: parts.Act = "gelu"

    def __post_init__(self) -> None:
        parts.require(self.out_chs >= 1, f"out_chs must be at least 1, got {self.out_chs}")
        parts.require(self.num_heads >= 1, f"num_heads must be at least 1, got {self.num_heads}")
        parts.require(self.head_dim >= 1, f"head_dim must be at least 1, got {self.head_dim}")
        parts.require(0 < self.mlp_ratio <= 16, f"mlp_ratio must be in (0, 16], got {self.mlp_ratio}")

    @property
    def stride(self) -> int:
        """A transformer block keeps height and width."""
        return 1

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The last projections of attention and MLP."""
        return ("attn.proj.weight", "mlp.fc2.weight")

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, out_chs, H, W) -> (N, out_chs, H, W)``.

        Raises:
            ValueError: if `in_chs` is not `out_chs`.
        """
        parts.require(in_chs == self.out_chs, f"a transformer block keeps its {in_chs} channels, not {self.out_chs}")
        return TransformerBlock(
            in_chs,
            num_heads=self.num_heads,
            head_dim=self.head_dim,
            mlp_chs=round(in_chs * self.mlp_ratio),
            act=parts.act_layer(self.act),
        )


BLOCK = Transformer
