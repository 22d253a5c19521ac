"""ShuffleNetV2 unit: Ma et al. 2018, arXiv 1807.11164, figure 3 (c, d).

The paper cuts the channels into a front and a back half and shuffles what comes out. Here the split takes pairs of
channels in turn and the join interleaves single channels. That is the same network with its channels in another
order, but leading channels in are leading channels out, so that narrower units are slices of wider ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from timm.layers import ConvNormAct
from torch import Tensor, nn

from nas.blocks import parts


class ShuffleUnit(nn.Module):
    """Channel split, one branch convolved, channel shuffle: ``(N, C, H, W) -> (N, out_chs, H / stride, W / stride)``.

    Where it changes channels or resolution both branches see all channels and both are convolved.
    """

    def __init__(self, in_chs: int, out_chs: int, *, stride: int, kernel_size: int, act: type[nn.Module]) -> None:
        super().__init__()
        half = out_chs // 2
        self.splits = in_chs == out_chs and stride == 1
        if not self.splits:
            self.branch1 = nn.Sequential(
                ConvNormAct(in_chs, in_chs, kernel_size, stride=stride, groups=in_chs, apply_act=False),
                ConvNormAct(in_chs, half, 1, act_layer=act),
            )
        self.branch2 = nn.Sequential(
            ConvNormAct(half if self.splits else in_chs, half, 1, act_layer=act),
            ConvNormAct(half, half, kernel_size, stride=stride, groups=half, apply_act=False),
            ConvNormAct(half, half, 1, act_layer=act),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``x (N, C, H, W)``."""
        if self.splits:
            kept, convolved = split_pairs(x)
        else:
            kept, convolved = self.branch1(x), x
        return interleave(kept, self.branch2(convolved))


def split_pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split ``(N, C, H, W)`` into channels 0, 1, 4, 5, ... and 2, 3, 6, 7, ..., each ``(N, C / 2, H, W)``."""
    n, chs, height, width = x.shape
    pairs = x.reshape(n, chs // 4, 2, 2 * height * width)
    first, second = (pairs[:, :, i].reshape(n, chs // 2, height, width) for i in (0, 1))
    return first, second


def interleave(a: Tensor, b: Tensor) -> Tensor:
    """Join two maps ``(N, C, H, W)`` into ``(N, 2C, H, W)`` with channels a0, b0, a1, b1, ..."""
    n, chs, height, width = a.shape
    rows = [t.reshape(n, chs, 1, height * width) for t in (a, b)]
    return torch.cat(rows, dim=2).reshape(n, 2 * chs, height, width)


@dataclass(frozen=True, slots=True)
class ShuffleNetV2:
    """Half of the channels pass, the other half goes through pointwise, depthwise, pointwise; then a shuffle."""

    kind: ClassVar[str] = "shufflenetv2"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    act: parts.Act = "relu"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require(self.out_chs % 4 == 0, f"out_chs must be a multiple of 4, got {self.out_chs}")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """None: what passes is joined to what is convolved, not added."""
        return ()

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        return ShuffleUnit(
            in_chs,
            self.out_chs,
            stride=self.stride,
            kernel_size=self.kernel_size,
            act=parts.act_layer(self.act),
        )


BLOCK = ShuffleNetV2
