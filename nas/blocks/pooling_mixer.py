"""Pooling as token mixer: Yu et al. 2021, PoolFormer (MetaFormer), arXiv 2111.11418, figure 2.

With batch norm inside the MLP it is EfficientFormer's block (Li et al. 2022, arXiv 2206.01191, equation 4), all of
whose norms fold into convolutions; with group norm before mixer and MLP it is PoolFormer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from timm.layers import ConvMlp, GroupNorm1
from timm.models.efficientformer import MetaBlock2d
from timm.models.metaformer import MetaFormerBlock, Pooling
from torch import nn

from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class PoolingMixer:
    """Average pooling less its input, then a pointwise MLP, each with layer scale and skip."""

    kind: ClassVar[str] = "pooling_mixer"
    reshapes: ClassVar[bool] = False

    out_chs: int
    kernel_size: int = 3
    mlp_ratio: float = 4.0
    norm: Literal["batch", "group"] = "batch"
    act: parts.Act = "gelu"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, 1, self.kernel_size)
        parts.require(self.kernel_size > 1, f"kernel_size must be at least 3, got {self.kernel_size}")
        parts.require_ratio(self.mlp_ratio, "mlp_ratio")
        has_mlp = int(self.mlp_ratio * self.out_chs) >= 1
        parts.require(has_mlp, f"mlp_ratio {self.mlp_ratio} leaves nothing of {self.out_chs} out_chs")

    @property
    def stride(self) -> int:
        """The pooling keeps height and width."""
        return 1

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """None: the layer scales start near zero by themselves."""
        return ()

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, out_chs, H, W) -> (N, out_chs, H, W)``.

        Raises:
            ValueError: if `in_chs` is not `out_chs`.
        """
        parts.require(in_chs == self.out_chs, f"a pooling mixer keeps its {in_chs} channels, not {self.out_chs}")
        act = parts.act_layer(self.act)
        block: nn.Module
        if self.norm == "batch":
            block = MetaBlock2d(
                in_chs,
                pool_size=self.kernel_size,
                mlp_ratio=self.mlp_ratio,
                act_layer=act,
                layer_scale_init_value=parts.LAYER_SCALE_INIT,
            )
            return block
        block = MetaFormerBlock(in_chs, norm_layer=GroupNorm1, layer_scale_init_value=parts.LAYER_SCALE_INIT)
        block.token_mixer = Pooling(self.kernel_size)
        block.mlp = ConvMlp(in_chs, int(self.mlp_ratio * in_chs), act_layer=act)  # timm's ratio is 4 only
        return block


BLOCK = PoolingMixer
