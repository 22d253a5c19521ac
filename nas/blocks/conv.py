"""Plain convolution, norm and activation (timm's ``cn`` block)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import ConvBnAct
from torch import nn

from nas import schema
from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution with norm and activation, without skip."""

    kind: ClassVar[str] = "conv"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    act: parts.Act = "relu"
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """A plain convolution has no skip."""
        return ()

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        block: nn.Module = ConvBnAct(
            in_chs,
            self.out_chs,
            self.kernel_size,
            stride=self.stride,
            act_layer=parts.act_layer(self.act),
            norm_layer=parts.norm_layer(self.norm),
        )
        return block


BLOCK = Conv
