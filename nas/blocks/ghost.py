"""Ghost bottleneck: Han et al. 2019, GhostNet, arXiv 1911.11907, figure 3.

A Ghost module computes half of its channels by a pointwise convolution and the other half from those by a cheap
depthwise one. The halves stand one behind the other, so what reads them is packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import ClassVar

from timm.layers import make_divisible
from timm.models.ghostnet import GhostBottleneck, GhostModule
from torch import nn

from nas.blocks import parts

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class Ghost:
    """Ghost module that expands, depthwise convolution where it strides, optional SE, linear Ghost module, skip.

    Attributes:
        kernel_size: window of the strided depthwise convolutions.
        cheap_kernel_size: window of the cheap convolutions inside the Ghost modules.
    """

    kind: ClassVar[str] = "ghost"
    reshapes: ClassVar[bool] = True
    packed: ClassVar[Mapping[str, tuple[int, ...]]] = MappingProxyType(
        {
            "conv_dw.weight": (2,),
            **{f"bn_dw.{name}": (2,) for name in _BATCH_NORM},
            "se.conv_reduce.weight": (1, 2),
            "se.conv_expand.weight": (2,),
            "se.conv_expand.bias": (2,),
            "ghost2.primary_conv.0.weight": (1, 2),
        }
    )

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    exp_ratio: float = 2.0
    cheap_kernel_size: int = 3
    se: bool = False
    act: parts.Act = "relu"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require_kernel_size(self.cheap_kernel_size, "cheap_kernel_size")
        parts.require_ratio(self.exp_ratio, "exp_ratio")
        # The window only exists in the strided convolutions: equal networks must be equal descriptions.
        parts.require(self.stride > 1 or self.kernel_size == 3, "kernel_size other than 3 needs stride 2")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scales of the last batch norms of both halves."""
        return ("ghost2.primary_conv.1.weight", "ghost2.cheap_operation.1.weight")

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        mid_chs = make_divisible(in_chs * self.exp_ratio, 4)
        module = partial(GhostModule, dw_size=self.cheap_kernel_size)
        block: nn.Module = GhostBottleneck(
            in_chs,
            mid_chs,
            self.out_chs,
            dw_kernel_size=self.kernel_size,
            stride=self.stride,
            se_ratio=parts.SE_RATIO if self.se else 0.0,
        )
        block.ghost1 = module(in_chs, mid_chs, act_layer=parts.act_layer(self.act))
        block.ghost2 = module(mid_chs, self.out_chs, act_layer=nn.Identity)
        return block


BLOCK = Ghost
