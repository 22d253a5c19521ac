"""Plain convolution with a skip around it: the first stage of EfficientNetV2, Tan and Le 2021, arXiv 2104.00298.

(timm's ``cn`` block with ``skip``; the paper's own first stage has expansion 1, which is this.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from timm.models._efficientnet_blocks import ConvBnAct
from torch import nn

from nas import schema
from nas.blocks import parts


@dataclass(frozen=True, slots=True)
class ResidualConv:
    """Convolution, norm, activation, skip; it keeps channels and resolution, or there would be no skip."""

    kind: ClassVar[str] = "residual_conv"
    reshapes: ClassVar[bool] = False

    out_chs: int
    kernel_size: int = 3
    act: parts.Act = "relu"
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, 1, self.kernel_size)

    @property
    def stride(self) -> int:
        """A convolution with a skip keeps height and width."""
        return 1

    @property
    def residual_exits(self) -> tuple[str, ...]:
        """The scale of the norm, unless the activation behind it has no slope at zero and would never start."""
        return () if self.act in ("relu", "relu6") else ("bn1.weight",)

    def build(self, in_chs: int) -> nn.Module:
        """Make the module ``(N, out_chs, H, W) -> (N, out_chs, H, W)``.

        Raises:
            ValueError: if `in_chs` is not `out_chs`.
        """
        parts.require(in_chs == self.out_chs, f"a skip keeps its {in_chs} channels, not {self.out_chs}")
        block: nn.Module = ConvBnAct(
            in_chs,
            self.out_chs,
            self.kernel_size,
            skip=True,
            act_layer=parts.act_layer(self.act),
            norm_layer=parts.norm_layer(self.norm),
        )
        return block


BLOCK = ResidualConv
