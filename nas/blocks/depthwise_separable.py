"""Depthwise-separable convolution: Howard et al. 2017, MobileNetV1, arXiv 1704.04861, figure 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import DepthwiseSeparableConv
from torch import nn

from nas import schema
from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class DepthwiseSeparable:
    """Depthwise then pointwise convolution; as in MobileNetV2/V3 the output is linear and may have a skip.

    With ``pw_act`` the output is activated and there is no skip, as in MobileNetV1.
    """

    kind: ClassVar[str] = "depthwise_separable"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    se: parts.Se = "none"
    act: parts.Act = "relu"
    pw_act: bool = False
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the last norm, where there is a skip."""
        return () if self.pw_act else ("bn2.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        block: nn.Module = DepthwiseSeparableConv(
            in_chs,
            self.out_chs,
            dw_kernel_size=self.kernel_size,
            stride=self.stride,
            noskip=self.pw_act,
            pw_act=self.pw_act,
            act_layer=parts.act_layer(self.act),
            norm_layer=parts.norm_layer(self.norm),
            se_layer=parts.se_layer(self.se),
        )
        return block


BLOCK = DepthwiseSeparable
