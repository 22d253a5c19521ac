"""Inverted residual with a norm only at its end: Cai et al. 2022, EfficientViT, arXiv 2205.14756.

It opens the attention stages of EfficientViT ("fewer norms"): the first two convolutions have biases instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models.efficientvit_mit import MBConv, ResidualBlock
from torch import nn

from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class OneNormMBConv:
    """Expand, depthwise convolution, project and normalise; a skip where the shape allows it."""

    kind: ClassVar[str] = "one_norm_mbconv"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    exp_ratio: float = 4.0
    act: parts.Act = "hard_swish"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require_ratio(self.exp_ratio, "exp_ratio")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the batch norm."""
        return ("main.point_conv.norm.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        has_skip = self.stride == 1 and in_chs == self.out_chs
        main = one_norm_mbconv(
            in_chs,
            self.out_chs,
            exp_ratio=self.exp_ratio,
            act=self.act,
            kernel_size=self.kernel_size,
            stride=self.stride,
        )
        block: nn.Module = ResidualBlock(main, nn.Identity() if has_skip else None)
        return block


def one_norm_mbconv(
    in_chs: int, out_chs: int, *, exp_ratio: float, act: parts.Act, kernel_size: int = 3, stride: int = 1
) -> nn.Module:
    """Make the inverted residual without its skip."""
    layer = parts.act_layer(act)
    made: nn.Module = MBConv(
        in_chs,
        out_chs,
        kernel_size,
        stride,
        mid_channels=max(1, round(in_chs * exp_ratio)),
        use_bias=(True, True, False),
        norm_layer=(None, None, nn.BatchNorm2d),
        act_layer=(layer, layer, None),
    )
    return made


BLOCK = OneNormMBConv
