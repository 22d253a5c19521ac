"""Published mobile designs for 32x32 images, each as wide as a latency allows.

As usual for CIFAR, the stem and the first stage that halves the map keep its size, so that 32x32 pixels end at 4x4
positions. Widths are multiplied by one factor and rounded to multiples of 8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from nas.blocks import Block, block_types
from nas.model.zoo import zoo_architecture
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

SIDE = 32
CLASSES = 10
WIDTHS = tuple(round(0.1 + 0.025 * i, 3) for i in range(60))


def mobile(name: str, width: float) -> Architecture:
    """Return a convolutional network of the zoo for 32x32 images.

    Args:
        name: timm's name of it.
        width: what all widths are multiplied by.
    """
    published = zoo_architecture(name, resolution=SIDE, num_classes=CLASSES)
    stages: list[tuple[Block, ...]] = []
    kept = False  # whether a stage keeps the size of its map already
    for stage in published.stages:
        first, *rest = stage
        if first.stride == 2 and not kept:
            first, kept = replace(first, stride=1), True  # type: ignore[type-var]
        stages.append(tuple(replace(b, out_chs=_wide(b.out_chs, width)) for b in (first, *rest)))  # type: ignore[type-var]
    stem = replace(published.stem, stride=1, out_chs=_wide(published.stem.out_chs, width))
    head = replace(published.head, features=_wide(published.head.features, width))
    return replace(published, stem=stem, stages=tuple(stages), head=head)


def shufflenet(width: float) -> Architecture:
    """Return ShuffleNetV2 1x (Ma et al. 2018, arXiv 1807.11164, table 5) for 32x32 images; its stem pools nothing."""
    unit = block_types()["shufflenetv2"]
    stages = tuple(
        tuple(
            unit(out_chs=_wide(chs, width), stride=2 if i == 0 else 1, kernel_size=3, act="relu") for i in range(depth)
        )
        for chs, depth in ((116, 4), (232, 8), (464, 4))
    )
    stem = Stem(_wide(24, width), 3, 1, "relu")
    return Architecture(SIDE, CLASSES, stem, stages, Head("conv_pool", _wide(1024, width), "relu"))


def vit(width: float) -> Architecture:
    """Return DeiT-tiny (Touvron et al. 2020, arXiv 2012.12877) with half its depth, for patches of 4x4 pixels."""
    published = zoo_architecture("deit_tiny_patch16_224", resolution=SIDE, num_classes=CLASSES)
    chs = max(16, round(192 * width / 16) * 16)
    block = replace(published.stages[0][0], out_chs=chs, num_heads=chs // 16, head_dim=16)  # type: ignore[type-var]
    stem = replace(published.stem, out_chs=chs, stride=4, kernel_size=4)
    return replace(published, stem=stem, stages=((block,) * 6,))


DESIGNS: Mapping[str, Callable[[float], Architecture]] = {
    "mobilenetv3_small": partial(mobile, "mobilenetv3_small_100"),
    "mobilenetv2": partial(mobile, "mobilenetv2_100"),
    "efficientnet_lite0": partial(mobile, "efficientnet_lite0"),
    "mobilenetv4_conv_small": partial(mobile, "mobilenetv4_conv_small"),
    "shufflenetv2": shufflenet,
    "vit": vit,
}
"""Makers ``width -> Architecture`` by name."""


def _wide(chs: int, width: float) -> int:
    return max(8, round(chs * width / 8) * 8) if chs else 0
