"""timm's ConvNeXt, VisionTransformer and EfficientVit classes, read as architectures.

Their modules have other names and shapes than ours, so a model is not compared with our network but with the model
that its own class makes of what was read: all that an architecture does not say is that class's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from nas.blocks import Block
from nas.blocks.convnext import ConvNeXt
from nas.blocks.depthwise_separable import DepthwiseSeparable
from nas.blocks.linear_attention import LinearAttention
from nas.blocks.mbconv import MBConv
from nas.blocks.one_norm_mbconv import OneNormMBConv
from nas.blocks.transformer import Transformer
from nas.model.timm_blocks import act_of, conv_of, window
from nas.model.timm_compare import NotOursError
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem


@dataclass(frozen=True, slots=True)
class TimmClass:
    """How models of one of timm's classes are read.

    Attributes:
        read: returns the architecture of a model whose image has the side given.
        again: makes the model again from nothing but what an architecture says.
        whole_steps: whether the side of every map has to be a multiple of the next stride, because timm cuts off
            what is left and we pad it.
    """

    read: Callable[[Any, int], Architecture]
    again: Callable[[Any, Architecture], nn.Module]
    whole_steps: bool


def _read_convnext(model: Any, resolution: int) -> Architecture:
    stem = model.stem
    if len(stem) != 2:
        raise NotOursError(f"stem is {len(stem)} modules; read is a stem of patches, a convolution and a norm")
    stages = []
    for i, stage in enumerate(model.stages):
        stride = 1 if isinstance(stage.downsample, nn.Identity) else int(stage.downsample[1].stride[0])
        blocks = (
            _read_convnext_block(b, stride if j == 0 else 1, f"stages.{i}.{j}") for j, b in enumerate(stage.blocks)
        )
        stages.append(tuple(blocks))
    return Architecture(
        resolution, int(model.num_classes), _patch_stem(stem[0], "stem.0", "patch"), tuple(stages), Head("pool_norm")
    )


def _read_convnext_block(block: Any, stride: int, path: str) -> Block:
    conv = conv_of(block.conv_dw, f"{path}.conv_dw")
    ratio = block.mlp.fc1.weight.shape[0] / conv.out_channels
    return ConvNeXt(conv.out_channels, stride, window(conv), ratio, act=act_of(block.mlp.act, f"{path}.mlp.act"))


def _convnext_again(model: Any, architecture: Architecture) -> nn.Module:
    stages: Any = architecture.stages
    return type(model)(  # type: ignore[no-any-return]
        num_classes=architecture.num_classes,
        depths=tuple(len(stage) for stage in stages),
        dims=tuple(stage[0].out_chs for stage in stages),
        kernel_sizes=tuple(stage[0].kernel_size for stage in stages),
        patch_size=architecture.stem.stride,
        conv_mlp=bool(model.stages[0].blocks[0].use_conv_mlp),  # the same numbers, as linear layers or convolutions
        act_layer=stages[0][0].act,
    )


def _read_vision_transformer(model: Any, resolution: int) -> Architecture:
    stem = _patch_stem(model.patch_embed.proj, "patch_embed.proj", "tokens")
    stage = tuple(_read_transformer(block, f"blocks.{i}") for i, block in enumerate(model.blocks))
    return Architecture(resolution, int(model.num_classes), stem, (stage,), Head("token_norm"))


def _read_transformer(block: Any, path: str) -> Block:
    if type(block).__name__ != "Block":
        raise NotOursError(f"{path} is a {type(block).__name__}, not a Block")
    chs, mlp_chs = int(block.norm1.weight.shape[0]), int(block.mlp.fc1.weight.shape[0])
    return Transformer(
        chs,
        int(block.attn.num_heads),
        int(block.attn.head_dim),
        mlp_chs / chs,
        act_of(block.mlp.act, f"{path}.mlp.act"),
        position="none",
        bias=True,
    )


def _vision_transformer_again(model: Any, architecture: Architecture) -> nn.Module:
    first: Any = architecture.stages[0][0]
    return type(model)(  # type: ignore[no-any-return]
        num_classes=architecture.num_classes,
        img_size=architecture.resolution,
        patch_size=architecture.stem.stride,
        embed_dim=first.out_chs,
        depth=len(architecture.stages[0]),
        num_heads=first.num_heads,
        mlp_ratio=first.mlp_ratio,
    )


def _read_efficientvit(model: Any, resolution: int) -> Architecture:
    first = conv_of(model.stem.in_conv.conv, "stem.in_conv.conv")
    stem = Stem(first.out_channels, window(first), first.stride[0], act_of(model.stem.in_conv, "stem.in_conv"))
    residuals = [module.main for name, module in model.stem.named_children() if name != "in_conv"]
    opening = tuple(_read_local(block, f"stem.res{i}.main") for i, block in enumerate(residuals))
    stages = tuple(
        tuple(_read_efficientvit_block(block, f"stages.{i}.blocks.{j}") for j, block in enumerate(stage.blocks))
        for i, stage in enumerate(model.stages)
    )
    head, (features, hidden) = model.head, model.head.widths
    last = Head("conv_pool_mlp", int(features), act_of(head.in_conv, "head.in_conv"), int(hidden))
    return Architecture(resolution, int(model.num_classes), stem, (opening, *stages), last)


def _read_efficientvit_block(block: Any, path: str) -> Block:
    if type(block).__name__ == "ResidualBlock":
        return _read_local(block.main, f"{path}.main")
    attention, local = block.context_module.main, block.local_module.main
    expand, proj = local.inverted_conv.conv, attention.proj.conv
    chs, dim = int(proj.out_channels), int(attention.dim)
    return LinearAttention(
        chs,
        int(proj.in_channels) // (2 * dim),
        dim,
        window(conv_of(attention.aggreg[0][0], f"{path}.context_module.main.aggreg.0.0")),
        expand.out_channels / chs,
        act_of(local.inverted_conv, f"{path}.local_module.main.inverted_conv"),
    )


def _read_local(block: Any, path: str) -> Block:
    conv, out_chs = conv_of(block.depth_conv.conv, f"{path}.depth_conv.conv"), int(block.point_conv.conv.out_channels)
    act = act_of(block.depth_conv, f"{path}.depth_conv")
    if type(block).__name__ == "DSConv":
        return DepthwiseSeparable(out_chs, conv.stride[0], window(conv), act=act)
    ratio = conv.out_channels / block.inverted_conv.conv.in_channels
    family = OneNormMBConv if isinstance(block.inverted_conv.norm, nn.Identity) else MBConv
    return family(out_chs, conv.stride[0], window(conv), exp_ratio=ratio, act=act)


def _efficientvit_again(model: Any, architecture: Architecture) -> nn.Module:
    opening, *stages = architecture.stages
    last: Any = stages[-1][-1]
    return type(model)(  # type: ignore[no-any-return]
        num_classes=architecture.num_classes,
        widths=(architecture.stem.out_chs, *(stage[-1].out_chs for stage in stages)),
        # The block that opens a stage of attention is not counted.
        depths=(len(opening), *(len(s) - isinstance(s[-1], LinearAttention) for s in stages)),
        head_dim=last.head_dim,
        expand_ratio=last.exp_ratio,
        head_widths=(architecture.head.features, architecture.head.hidden),
    )


def _patch_stem(module: nn.Module, path: str, kind: Any) -> Stem:
    conv = conv_of(module, path)
    return Stem(conv.out_channels, window(conv), conv.stride[0], kind=kind)


CLASSES: Mapping[str, TimmClass] = {
    "ConvNeXt": TimmClass(_read_convnext, _convnext_again, whole_steps=True),
    "VisionTransformer": TimmClass(_read_vision_transformer, _vision_transformer_again, whole_steps=True),
    "EfficientVit": TimmClass(_read_efficientvit, _efficientvit_again, whole_steps=False),
}
