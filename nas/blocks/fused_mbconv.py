"""Fused inverted residual (FusedMBConv): Tan and Le 2021, EfficientNetV2, arXiv 2104.00298, figure 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import EdgeResidual
from torch import nn

from nas import schema
from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class FusedMBConv:
    """One full convolution that expands, optional SE, linear pointwise projection, skip."""

    kind: ClassVar[str] = "fused_mbconv"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    exp_ratio: float = 4.0
    se: parts.Se = "none"
    act: parts.Act = "relu"
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require_ratio(self.exp_ratio, "exp_ratio")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the last norm."""
        return ("bn2.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        block: nn.Module = EdgeResidual(
            in_chs,
            self.out_chs,
            exp_kernel_size=self.kernel_size,
            stride=self.stride,
            exp_ratio=self.exp_ratio,
            act_layer=parts.act_layer(self.act),
            norm_layer=parts.norm_layer(self.norm),
            se_layer=parts.se_layer(self.se, exp_ratio=self.exp_ratio),
        )
        return block


BLOCK = FusedMBConv
