"""RepVGG block: Ding et al. 2021, arXiv 2101.03697, figure 2.

While it is trained it has three branches (k x k, 1x1 and identity, each with batch norm). They are linear, so that
``reparameterize()`` of the module folds them into one convolution with bias and the same outputs (`nas.model.folding`).
Costs, latencies and exported files are of the folded form: that is what a device runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models.byobnet import LayerFn, RepVggBlock
from torch import nn

from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class RepVgg:
    """A k x k convolution, a 1x1 convolution and (where shapes allow) the identity, summed and activated."""

    kind: ClassVar[str] = "repvgg"
    reshapes: ClassVar[bool] = True

    out_chs: int
    stride: int = 1
    kernel_size: int = 3
    act: parts.Act = "relu"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)
        parts.require(self.kernel_size > 1, f"kernel_size must be at least 3, got {self.kernel_size}")

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scales of both convolutions' batch norms."""
        return ("conv_kxk.bn.weight", "conv_1x1.bn.weight")

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, in_chs, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        block: nn.Module = RepVggBlock(
            in_chs,
            self.out_chs,
            kernel_size=self.kernel_size,
            stride=self.stride,
            layers=LayerFn(act=parts.act_layer(self.act)),
        )
        return block


BLOCK = RepVgg
