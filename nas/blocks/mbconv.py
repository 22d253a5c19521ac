"""Inverted residual (MBConv): Sandler et al. 2018, MobileNetV2, arXiv 1801.04381, figure 4.

With squeeze-and-excitation as in MobileNetV3 (arXiv 1905.02244) or EfficientNet (arXiv 1905.11946); both pointwise
convolutions may be of low rank (`nas.blocks.low_rank`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import InvertedResidual
from torch import nn

from nas import schema
from nas.blocks import low_rank, parts


@dataclass(frozen=True, slots=True)
class MBConv:
    """Pointwise expansion, depthwise convolution, optional SE, linear pointwise projection, skip.

    Attributes:
        rank: of the pointwise convolutions, as a share of their smaller number of channels; 1 leaves them whole.
    """

    kind: ClassVar[str] = "mbconv"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    exp_ratio: float = 6.0
    se: parts.Se = "none"
    act: parts.Act = "relu"
    rank: float = schema.later(1.0)
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require_ratio(self.exp_ratio, "exp_ratio")
        low_rank.require_rank(self.rank)

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the last norm."""
        return ("bn3.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        block: nn.Module = InvertedResidual(
            in_chs,
            self.out_chs,
            dw_kernel_size=self.kernel_size,
            stride=self.stride,
            exp_ratio=self.exp_ratio,
            act_layer=parts.act_layer(self.act),
            norm_layer=parts.norm_layer(self.norm),
            se_layer=parts.se_layer(self.se, exp_ratio=self.exp_ratio),
        )
        return low_rank.factorize(block, ("conv_pw", "conv_pwl"), self.rank)


BLOCK = MBConv
