"""Published networks written as architectures: same parameter names, shapes, counts and outputs as timm's.

They seed every search whose space contains them, and stand beside the winner as baselines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nas.blocks import Block, parts
from nas.blocks.conv import Conv
from nas.blocks.depthwise_separable import DepthwiseSeparable
from nas.blocks.fused_mbconv import FusedMBConv
from nas.blocks.mbconv import MBConv
from nas.blocks.mobile_attention import MobileAttention
from nas.blocks.universal_inverted_bottleneck import UniversalInvertedBottleneck
from nas.errors import unknown_name
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

Stages = tuple[tuple[Block, ...], ...]


def mobilenetv2_100(resolution: int = 224, num_classes: int = 1000) -> Architecture:
    """MobileNetV2 1.0: Sandler et al. 2018, arXiv 1801.04381, table 2."""
    rows = [(24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
    stages: Stages = (
        (DepthwiseSeparable(16, act="relu6"),),
        *(tuple(MBConv(c, s if i == 0 else 1, act="relu6") for i in range(n)) for c, n, s in rows),
    )
    return Architecture(resolution, num_classes, Stem(32, act="relu6"), stages, Head("conv_pool", 1280, act="relu6"))


def mobilenetv3_large_100(resolution: int = 224, num_classes: int = 1000) -> Architecture:
    """MobileNetV3-Large 1.0: Howard et al. 2019, arXiv 1905.02244, table 1."""
    swish: parts.Act = "hard_swish"

    def mb(chs: int, stride: int, kernel_size: int, exp_ratio: float, se: bool, act: parts.Act) -> MBConv:
        return MBConv(chs, stride, kernel_size, exp_ratio, "mobilenetv3" if se else "none", act)

    stages: Stages = (
        (DepthwiseSeparable(16),),
        (mb(24, 2, 3, 4.0, False, "relu"), mb(24, 1, 3, 3.0, False, "relu")),
        tuple(mb(40, s, 5, 3.0, True, "relu") for s in (2, 1, 1)),
        tuple(mb(80, s, 3, e, False, swish) for s, e in ((2, 6.0), (1, 2.5), (1, 2.3), (1, 2.3))),
        tuple(mb(112, 1, 3, 6.0, True, swish) for _ in range(2)),
        tuple(mb(160, s, 5, 6.0, True, swish) for s in (2, 1, 1)),
        (Conv(960, kernel_size=1, act=swish),),
    )
    return Architecture(resolution, num_classes, Stem(16, act=swish), stages, Head("pool_conv", 1280, act=swish))


def efficientnet_b0(resolution: int = 224, num_classes: int = 1000) -> Architecture:
    """EfficientNet-B0: Tan and Le 2019, arXiv 1905.11946, table 1."""
    rows = [(24, 2, 2, 3), (40, 2, 2, 5), (80, 3, 2, 3), (112, 3, 1, 5), (192, 4, 2, 5), (320, 1, 1, 3)]
    stages: Stages = (
        (DepthwiseSeparable(16, se="efficientnet", act="silu"),),
        *(
            tuple(MBConv(c, s if i == 0 else 1, k, se="efficientnet", act="silu") for i in range(n))
            for c, n, s, k in rows
        ),
    )
    return Architecture(resolution, num_classes, Stem(32, act="silu"), stages, Head("conv_pool", 1280, act="silu"))


def mobilenetv4_hybrid_medium(resolution: int = 256, num_classes: int = 1000) -> Architecture:
    """MobileNetV4-Hybrid-Medium: Qin et al. 2024, arXiv 2404.10518, table 12 (in timm's reading)."""

    def uib(chs: int, start: int, kernel_size: int, exp_ratio: float, stride: int = 1) -> Block:
        return UniversalInvertedBottleneck(chs, stride, start, kernel_size, exp_ratio, layer_scale=True)

    def attention(chs: int, kv_stride: int) -> Block:
        return MobileAttention(chs, num_heads=4, head_dim=64, kv_stride=kv_stride, multi_query=True, layer_scale=True)

    middle, last = attention(160, 2), attention(256, 1)
    stages: Stages = (
        (FusedMBConv(48, 2),),
        (uib(80, 3, 5, 4.0, 2), uib(80, 3, 3, 2.0)),
        (
            *(uib(160, 3, 5, 6.0, 2), uib(160, 0, 0, 2.0), uib(160, 3, 3, 4.0), uib(160, 3, 5, 4.0)),
            *(middle, uib(160, 3, 3, 4.0), middle, uib(160, 3, 0, 4.0)),
            *(middle, uib(160, 3, 3, 4.0), middle, uib(160, 3, 0, 4.0)),
        ),
        (
            *(uib(256, 5, 5, 6.0, 2), uib(256, 5, 5, 4.0), uib(256, 3, 5, 4.0), uib(256, 3, 5, 4.0)),
            *(uib(256, 0, 0, 2.0), uib(256, 3, 5, 2.0), uib(256, 0, 0, 2.0), uib(256, 0, 0, 4.0)),
            *(last, uib(256, 3, 0, 4.0), last, uib(256, 5, 5, 4.0)),
            *(last, uib(256, 5, 0, 4.0), last, uib(256, 5, 0, 4.0)),
        ),
        (Conv(960, kernel_size=1),),
    )
    return Architecture(resolution, num_classes, Stem(32), stages, Head("pool_conv_norm", 1280))


ZOO: Mapping[str, Callable[[int, int], Architecture]] = {
    "mobilenetv2_100": mobilenetv2_100,
    "mobilenetv3_large_100": mobilenetv3_large_100,
    "efficientnet_b0": efficientnet_b0,
    "mobilenetv4_hybrid_medium": mobilenetv4_hybrid_medium,
}
"""Makers ``(resolution, num_classes) -> Architecture``, by timm's model name."""


def zoo_architecture(name: str, *, resolution: int = 224, num_classes: int = 1000) -> Architecture:
    """Return a published network as an architecture.

    Raises:
        UserError: if the zoo has no such name.
    """
    if name not in ZOO:
        raise unknown_name("zoo network", name, ZOO)
    return ZOO[name](resolution, num_classes)
