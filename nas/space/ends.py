"""The two ends of every network: the stem that takes the image and the head that gives the classes.

Both build ordered, named modules, with timm's names where they are those of the EfficientNet family, so that a
network is one flat sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from nas import schema
from nas.blocks import parts
from nas.blocks.patches import PatchConv2d
from nas.blocks.tokens import ClassToken, ToTokens

StemKind = Literal["conv", "patch", "tokens"]
HeadKind = Literal["conv_pool", "pool_conv", "pool_conv_norm", "pool", "conv_pool_mlp", "pool_norm", "token_norm"]

MAX_PATCH_SIZE = 64

_WITHOUT_CONV = ("pool", "pool_norm", "token_norm")
_WITH_NORM = ("conv_pool", "pool_conv_norm", "conv_pool_mlp")


class GlobalPool(nn.Module):
    """Mean over height and width, ``(N, C, H, W) -> (N, C, 1, 1)``, without a change of layout."""

    def forward(self, x: Tensor) -> Tensor:
        """Average ``x`` over its positions."""
        return x.mean((2, 3), keepdim=True)


@dataclass(frozen=True, slots=True)
class Stem:
    """What takes the image.

    ``conv`` is a convolution with norm and activation. ``patch`` cuts the image into patches of the size of
    the stride, with layer norm (ConvNeXt, arXiv 2201.03545). ``tokens`` cuts it too, adds positions and puts a class
    token before them (ViT, arXiv 2010.11929); its map is a sequence. The window of the last two is the stride.
    """

    out_chs: int
    kernel_size: int = 3
    stride: int = 2
    act: parts.Act = "relu"
    kind: StemKind = schema.later("conv")
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        if self.kind == "conv":
            parts.require_conv(self.out_chs, self.stride, self.kernel_size)
            return
        parts.require(self.out_chs >= 1, f"out_chs must be at least 1, got {self.out_chs}")
        parts.require(2 <= self.stride <= MAX_PATCH_SIZE, f"stride must be 2 to {MAX_PATCH_SIZE}, got {self.stride}")
        parts.require(self.kernel_size == self.stride, f"kernel_size of a {self.kind} stem must be its stride")
        # Equal networks must be equal descriptions.
        parts.require(self.act == "relu", f"a {self.kind} stem has no activation: act must stay relu")
        parts.require(self.norm == "batch", f"a {self.kind} stem has no other norm: norm must stay batch")

    def output_shape(self, resolution: int) -> tuple[int, int, int]:
        """Return the ``(C, H, W)`` that it makes of a square image."""
        side = -(-resolution // self.stride)
        return (self.out_chs, 1, 1 + side * side) if self.kind == "tokens" else (self.out_chs, side, side)

    def modules(self, resolution: int, in_chs: int = 3) -> dict[str, nn.Module]:
        """Make the named modules ``(N, in_chs, resolution, resolution) -> (N, *output_shape(resolution))``."""
        if self.kind == "conv":
            conv = parts.conv2d(in_chs, self.out_chs, self.kernel_size, stride=self.stride)
            return {"conv_stem": conv, "bn1": parts.norm_act(self.out_chs, self.act, self.norm)}
        patches = PatchConv2d(in_chs, self.out_chs, self.stride)
        if self.kind == "patch":
            return {"conv_stem": patches, "norm_stem": parts.layer_norm(self.out_chs)}
        side = -(-resolution // self.stride)
        return {"conv_stem": patches, "tokens": ToTokens(self.out_chs, side, side)}


@dataclass(frozen=True, slots=True)
class Head:
    """Pooling and classifier, with the widening convolution before or after the pool, or none.

    ``conv_pool`` is EfficientNet's and MobileNetV2's head, ``pool_conv`` MobileNetV3's, ``pool_conv_norm``
    MobileNetV4's, ``conv_pool_mlp`` EfficientViT's, with ``hidden`` features before the classes; ``pool_norm`` is
    ConvNeXt's, ``token_norm`` ViT's, which takes the class token. Those two and ``pool`` have no convolution (their
    ``features`` is 0).
    """

    kind: HeadKind = "pool"
    features: int = 0
    act: parts.Act = "relu"
    hidden: int = schema.later(0)
    norm: parts.Norm = schema.later("batch", silent=True)

    def __post_init__(self) -> None:
        without = self.kind in _WITHOUT_CONV
        parts.require(without == (self.features == 0), f"features is 0 for kind {_NAMED_WITHOUT}, and only there")
        parts.require(self.features >= 0, f"features must not be negative, got {self.features}")
        mlp = self.kind == "conv_pool_mlp"
        parts.require(mlp == (self.hidden > 0), f"hidden belongs to kind conv_pool_mlp, got {self.hidden}")
        # Equal networks must be equal descriptions.
        parts.require(not without or self.act == "relu", f"a {self.kind} head has no activation: act must stay relu")
        normed = self.norm == "batch" or self.kind in _WITH_NORM
        parts.require(normed, f"a {self.kind} head has no other norm: norm must stay batch")

    def modules(self, in_chs: int, num_classes: int) -> dict[str, nn.Module]:
        """Make the named modules ``(N, in_chs, H, W) -> (N, num_classes)``."""
        classifier = nn.Linear(self.hidden or self.features or in_chs, num_classes)
        return {**self._to_features(in_chs), "flatten": nn.Flatten(1), **self._from_hidden(), "classifier": classifier}

    def _to_features(self, in_chs: int) -> dict[str, nn.Module]:
        pool: dict[str, nn.Module] = {"global_pool": GlobalPool()}
        if self.kind == "pool":
            return pool
        if self.kind == "pool_norm":
            return {**pool, "norm_head": parts.layer_norm(in_chs)}
        if self.kind == "token_norm":
            return {"class_token": ClassToken(), "norm_head": parts.layer_norm(in_chs)}
        conv = parts.conv2d(in_chs, self.features, 1, bias=self.kind == "pool_conv")
        if self.kind == "pool_conv":
            return {**pool, "conv_head": conv, "act2": parts.act_layer(self.act)()}
        norm = parts.norm_act(self.features, self.act, self.norm)
        if self.kind == "pool_conv_norm":
            return {**pool, "conv_head": conv, "norm_head": norm}
        widened = {"conv_head": conv, "bn2": norm, **pool}
        return {**widened, "fc1": parts.conv2d(self.features, self.hidden, 1)} if self.hidden else widened

    def _from_hidden(self) -> dict[str, nn.Module]:
        if not self.hidden:
            return {}
        return {"norm_head": nn.LayerNorm(self.hidden), "act2": parts.act_layer(self.act)()}


_NAMED_WITHOUT = ", ".join(_WITHOUT_CONV)
