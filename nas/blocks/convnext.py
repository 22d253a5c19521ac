"""ConvNeXt block: Liu et al. 2022, arXiv 2201.03545, figure 4.

Where it changes channels or resolution, the network's downsampling layer (norm and a 2x2 convolution of stride 2, or
1x1 of stride 1) stands before it. Batch norm instead of layer norm folds into the depthwise convolution, which suits
int8 engines.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from timm.models.convnext import ConvNeXtBlock
from torch import nn

from nas.blocks import parts
from nas.blocks.patches import PatchConv2d


@dataclass(frozen=True, slots=True)
class ConvNeXt:
    """Depthwise convolution, norm, pointwise MLP, layer scale, skip."""

    kind: ClassVar[str] = "convnext"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 7
    mlp_ratio: float = 4.0
    norm: parts.Norm = "layer"
    act: parts.Act = "gelu"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require_ratio(self.mlp_ratio, "mlp_ratio")
        has_mlp = int(self.mlp_ratio * self.out_chs) >= 1
        parts.require(has_mlp, f"mlp_ratio {self.mlp_ratio} leaves nothing of {self.out_chs} out_chs")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """None: the layer scale starts near zero by itself."""
        return ()

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        norm = parts.norm_layer(self.norm)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if in_chs != self.out_chs or self.stride > 1:
            layers["downsample"] = nn.Sequential(norm(in_chs), PatchConv2d(in_chs, self.out_chs, self.stride))
        layers["block"] = ConvNeXtBlock(
            self.out_chs,
            kernel_size=self.kernel_size,
            mlp_ratio=self.mlp_ratio,
            conv_mlp=True,
            ls_init_value=parts.LAYER_SCALE_INIT,
            act_layer=parts.act_layer(self.act),
            norm_layer=norm,
        )
        return nn.Sequential(layers)


BLOCK = ConvNeXt
