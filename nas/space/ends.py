"""The two ends of every network: the stem that takes the image and the head that gives the classes.

Both build ordered, named modules with timm's names, so that a network is one flat sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from nas.blocks import parts

HeadKind = Literal["conv_pool", "pool_conv", "pool_conv_norm", "pool"]


class GlobalPool(nn.Module):
    """Mean over height and width, ``(N, C, H, W) -> (N, C, 1, 1)``, without a change of layout."""

    def forward(self, x: Tensor) -> Tensor:
        """Average ``x`` over its positions."""
        return x.mean((2, 3), keepdim=True)


@dataclass(frozen=True, slots=True)
class Stem:
    """The first convolution, with batch norm and activation."""

    kind: ClassVar[str] = "stem"

    out_chs: int
    kernel_size: int = 3
    stride: int = 2
    act: parts.Act = "relu"

    def __post_init__(self) -> None:
        parts.require_conv(self.out_chs, self.stride, self.kernel_size)

    def modules(self, in_chs: int = 3) -> dict[str, nn.Module]:
        """Make the named modules ``(N, 3, H, W) -> (N, out_chs, H / stride, W / stride)``."""
        return {
            "conv_stem": parts.conv2d(in_chs, self.out_chs, self.kernel_size, stride=self.stride),
            "bn1": parts.norm_act(self.out_chs, self.act),
        }


@dataclass(frozen=True, slots=True)
class Head:
    """Pooling and classifier, with the widening convolution before or after the pool, or none.

    ``conv_pool`` is EfficientNet's and MobileNetV2's head, ``pool_conv`` MobileNetV3's, ``pool_conv_norm``
    MobileNetV4's; ``pool`` has no convolution (its ``features`` is 0).
    """

    kind: HeadKind = "pool"
    features: int = 0
    act: parts.Act = "relu"

    def __post_init__(self) -> None:
        parts.require((self.kind == "pool") == (self.features == 0), "features is 0 for kind pool, and only there")
        parts.require(self.features >= 0, f"features must not be negative, got {self.features}")

    def modules(self, in_chs: int, num_classes: int) -> dict[str, nn.Module]:
        """Make the named modules ``(N, in_chs, H, W) -> (N, num_classes)``."""
        pool: dict[str, nn.Module] = {"global_pool": GlobalPool()}
        made: dict[str, nn.Module]
        if self.kind == "conv_pool":
            conv = parts.conv2d(in_chs, self.features, 1)
            made = {"conv_head": conv, "bn2": parts.norm_act(self.features, self.act), **pool}
        elif self.kind == "pool_conv":
            conv = parts.conv2d(in_chs, self.features, 1, bias=True)
            made = {**pool, "conv_head": conv, "act2": parts.act_layer(self.act)()}
        elif self.kind == "pool_conv_norm":
            conv = parts.conv2d(in_chs, self.features, 1)
            made = {**pool, "conv_head": conv, "norm_head": parts.norm_act(self.features, self.act)}
        else:
            made = pool
        return {**made, "flatten": nn.Flatten(1), "classifier": nn.Linear(self.features or in_chs, num_classes)}
