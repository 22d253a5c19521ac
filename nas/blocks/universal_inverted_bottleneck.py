"""Universal inverted bottleneck: Qin et al. 2024, MobileNetV4, arXiv 2404.10518, figure 4.

Its two optional depthwise convolutions give the four forms: inverted bottleneck (``start_kernel_size`` 0),
ConvNeXt-like (``kernel_size`` 0), extra depthwise (both) and feed-forward (neither).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import UniversalInvertedResidual
from torch import nn

from nas import schema
from nas.blocks import low_rank, parts


@dataclass(frozen=True, slots=True)
class UniversalInvertedBottleneck:
    """Depthwise (optional), pointwise expansion, depthwise (optional), linear pointwise projection, skip.

    Attributes:
        rank: of the pointwise convolutions, as a share of their smaller number of channels; 1 leaves them whole.
    """

    kind: ClassVar[str] = "uib"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    start_kernel_size: int = 0
    kernel_size: int = 3
    exp_ratio: float = 4.0
    act: parts.Act = "relu"
    layer_scale: bool = False
    rank: float = schema.later(1.0)
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size or 1)
        parts.require_kernel_size(self.start_kernel_size or 1, "start_kernel_size")
        has_window = self.start_kernel_size > 0 or self.kernel_size > 0
        parts.require(has_window or self.stride == 1, "stride 2 needs start_kernel_size or kernel_size")
        parts.require_ratio(self.exp_ratio, "exp_ratio")
        low_rank.require_rank(self.rank)

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the last norm; a layer scale starts near zero by itself."""
        return () if self.layer_scale else ("pw_proj.bn.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        block: nn.Module = UniversalInvertedResidual(
            in_chs,
            self.out_chs,
            dw_kernel_size_start=self.start_kernel_size,
            dw_kernel_size_mid=self.kernel_size,
            stride=self.stride,
            exp_ratio=self.exp_ratio,
            act_layer=parts.act_layer(self.act),
            norm_layer=parts.norm_layer(self.norm),
            layer_scale_init_value=parts.LAYER_SCALE_INIT if self.layer_scale else None,
        )
        return low_rank.factorize(block, ("pw_exp.conv", "pw_proj.conv"), self.rank)


BLOCK = UniversalInvertedBottleneck
