"""Residual bottleneck with group convolution: Xie et al. 2017, ResNeXt, arXiv 1611.05431, figure 3 (c).

In the form of RegNet (Radosavovic et al. 2020, arXiv 2003.13678): the width of a group is fixed and their number
follows from the channels, so that leading channels are leading groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.layers import ConvNormAct
from timm.models.regnet import Bottleneck
from torch import nn

from nas import schema
from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class GroupBottleneck:
    """Pointwise, group convolution, optional SE, linear pointwise, skip (convolved where shapes change), activation.

    Attributes:
        bottle_ratio: channels of the group convolution by `out_chs`, rounded to whole groups.
        group_width: channels of a group.
    """

    kind: ClassVar[str] = "group_bottleneck"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    bottle_ratio: float = 1.0
    group_width: int = 8
    se: bool = False
    act: parts.Act = "relu"
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require_ratio(self.bottle_ratio, "bottle_ratio")
        parts.require(self.group_width >= 1, f"group_width must be at least 1, got {self.group_width}")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the last norm."""
        return ("conv3.bn.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        groups = max(1, round(self.out_chs * self.bottle_ratio / self.group_width))
        mid_chs = groups * self.group_width
        layers = {"act_layer": parts.act_layer(self.act), "norm_layer": parts.norm_layer(self.norm)}
        block: nn.Module = Bottleneck(
            in_chs,
            self.out_chs,
            stride=self.stride,
            bottle_ratio=mid_chs / self.out_chs,
            group_size=self.group_width,
            se_ratio=parts.SE_RATIO if self.se else 0.0,
            **layers,
        )
        if self.kernel_size != 3:  # timm's has no other window
            block.conv2 = ConvNormAct(mid_chs, mid_chs, self.kernel_size, stride=self.stride, groups=groups, **layers)
        return block


BLOCK = GroupBottleneck
