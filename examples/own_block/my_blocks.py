"""A block family of one's own: the FasterNet block, Chen et al. 2023, arXiv 2303.03667, figure 4.

A *partial convolution* looks at neighbours in a quarter of the channels only and leaves the others as they are; two
1x1 convolutions then mix all of them. Use: ``nas search --blocks my_blocks.py --space my_space.yaml ...``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nas.blocks import parts

PART = 4  # one in so many channels is convolved


class PartialConv2d(nn.Module):
    """Convolves the first channels of ``(N, C, H, W)`` and passes the others on."""

    def __init__(self, chs: int, kernel_size: int) -> None:
        super().__init__()
        self.convolved = chs // PART
        self.conv = parts.conv2d(self.convolved, self.convolved, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape."""
        first, rest = x[:, : self.convolved], x[:, self.convolved :]
        return torch.cat([self.conv(first), rest], dim=1)


class FasterNetBlock(nn.Module):
    """Partial convolution, 1x1 expansion with batch norm and activation, 1x1 projection, skip."""

    def __init__(self, chs: int, kernel_size: int, exp_ratio: float, act: parts.Act) -> None:
        super().__init__()
        mid_chs = int(chs * exp_ratio)
        self.partial = PartialConv2d(chs, kernel_size)
        self.expand = parts.conv2d(chs, mid_chs, 1)
        self.norm = parts.norm_act(mid_chs, act)
        self.project = parts.conv2d(mid_chs, chs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape."""
        return x + self.project(self.norm(self.expand(self.partial(x))))


@dataclass(frozen=True, slots=True)
class PartialConv:
    """What stands in YAML as ``{kind: partial_conv, kernel_size: [3, 5], exp_ratio: [2, 3]}``."""

    kind: ClassVar[str] = "partial_conv"
    reshapes: ClassVar[bool] = False  # it keeps channels and resolution, so it cannot open a stage that changes them

    out_chs: int
    kernel_size: int = 3
    exp_ratio: float = 2.0
    act: parts.Act = "relu"

    def __post_init__(self) -> None:
        parts.require_kernel_size(self.kernel_size, "kernel_size")
        parts.require(self.out_chs >= PART, f"out_chs must be at least {PART}, got {self.out_chs}")
        parts.require(0 < self.exp_ratio <= 16, f"exp_ratio must be in (0, 16], got {self.exp_ratio}")

    @property
    def stride(self) -> int:
        """It never strides."""
        return 1

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """What scales the sum with the skip: a supernet starts it at zero, so that blocks begin as the identity."""
        return ("project.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H, W)``."""
        return FasterNetBlock(in_chs, self.kernel_size, self.exp_ratio, self.act)


BLOCK = PartialConv
