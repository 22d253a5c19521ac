"""The blocks of timm's EfficientNet, MobileNetV3 and GhostNet classes, read into ours.

A reader only finds the fields; whatever of a block they do not say shows when the network is compared with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nas.blocks import Block, parts
from nas.blocks.conv import Conv
from nas.blocks.depthwise_separable import DepthwiseSeparable
from nas.blocks.fused_mbconv import FusedMBConv
from nas.blocks.ghost import Ghost
from nas.blocks.mbconv import MBConv
from nas.blocks.mobile_attention import MobileAttention
from nas.blocks.residual_conv import ResidualConv
from nas.blocks.universal_inverted_bottleneck import UniversalInvertedBottleneck
from nas.model.timm_compare import NotOursError

_ACTS: Mapping[str, parts.Act] = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "Hardswish": "hard_swish",
    "SiLU": "silu",
    "GELU": "gelu",
}


def conv_of(module: nn.Module, path: str) -> nn.Conv2d:
    """Return the module, if it is an ordinary convolution.

    Raises:
        NotOursError: if it is not.
    """
    if not isinstance(module, nn.Conv2d):
        raise NotOursError(f"{path} is a {type(module).__name__}, not a Conv2d")
    return module


def window(conv: nn.Conv2d) -> int:
    """Return the side of a convolution's window."""
    return int(conv.kernel_size[0])


def _out_chs(conv: Any) -> int:
    return int(conv.out_channels)


def act_of(module: nn.Module, path: str) -> parts.Act:
    """Return the activation, alone or at the end of a norm; what is not there shows in the comparison.

    Raises:
        NotOursError: if no block of ours has it.
    """
    act = type(getattr(module, "act", module)).__name__
    if act not in _ACTS:
        raise NotOursError(f"the activation of {path} is {act}; read are {', '.join(_ACTS)}")
    return _ACTS[act]


def norm_of(module: nn.Module) -> parts.Norm:
    """Return which norm a module is; any other than ours shows in the comparison."""
    return "layer" if type(module).__name__.startswith("LayerNorm") else "batch"


def _se_of(module: Any, path: str) -> parts.Se:
    if isinstance(module, nn.Identity):
        return "none"
    if type(module).__name__ != "SqueezeExcite":
        raise NotOursError(f"{path} is a {type(module).__name__}, not a SqueezeExcite")
    return "mobilenetv3" if type(module.gate).__name__ == "Hardsigmoid" else "efficientnet"


def read_block(block: Any, path: str) -> Block:
    """Return the block that a module of timm is.

    Raises:
        NotOursError: if none of ours is, with the reason.
    """
    kind = type(block).__name__
    if kind not in _READERS:
        raise NotOursError(f"{path} is a {kind}; read are {', '.join(_READERS)}")
    try:
        return _READERS[kind](block, path)
    except (AttributeError, ValueError) as error:  # a field out of range, or a part that such blocks do not have here
        raise NotOursError(f"{path}: {error}") from None


def _read_conv(block: Any, path: str) -> Block:
    conv, act = conv_of(block.conv, f"{path}.conv"), act_of(block.bn1, f"{path}.bn1")
    if block.has_skip:
        return ResidualConv(conv.out_channels, window(conv), act, norm_of(block.bn1))
    return Conv(conv.out_channels, conv.stride[0], window(conv), act, norm_of(block.bn1))


def _read_depthwise_separable(block: Any, path: str) -> Block:
    conv = conv_of(block.conv_dw, f"{path}.conv_dw")
    fields = (_se_of(block.se, f"{path}.se"), act_of(block.bn1, f"{path}.bn1"), bool(block.has_pw_act))
    return DepthwiseSeparable(_out_chs(block.conv_pw), conv.stride[0], window(conv), *fields, norm_of(block.bn1))


def _read_mbconv(block: Any, path: str) -> Block:
    expand, conv = conv_of(block.conv_pw, f"{path}.conv_pw"), conv_of(block.conv_dw, f"{path}.conv_dw")
    read = MBConv(
        _out_chs(block.conv_pwl),
        conv.stride[0],
        window(conv),
        se=_se_of(block.se, f"{path}.se"),
        act=act_of(block.bn1, f"{path}.bn1"),
        norm=norm_of(block.bn1),
    )
    return _with_ratio(read, block, expand.in_channels, expand.out_channels)


def _read_fused_mbconv(block: Any, path: str) -> Block:
    conv = conv_of(block.conv_exp, f"{path}.conv_exp")
    read = FusedMBConv(
        _out_chs(block.conv_pwl),
        conv.stride[0],
        window(conv),
        se=_se_of(block.se, f"{path}.se"),
        act=act_of(block.bn1, f"{path}.bn1"),
        norm=norm_of(block.bn1),
    )
    return _with_ratio(read, block, conv.in_channels, conv.out_channels)


def _read_uib(block: Any, path: str) -> Block:
    start, middle = (
        None if isinstance(part, nn.Identity) else conv_of(part.conv, f"{path}.{name}.conv")
        for name, part in (("dw_start", block.dw_start), ("dw_mid", block.dw_mid))
    )
    expand = conv_of(block.pw_exp.conv, f"{path}.pw_exp.conv")
    read = UniversalInvertedBottleneck(
        _out_chs(block.pw_proj.conv),
        max(conv.stride[0] if conv else 1 for conv in (start, middle)),
        window(start) if start else 0,
        window(middle) if middle else 0,
        act=act_of(block.pw_exp.bn, f"{path}.pw_exp.bn"),
        layer_scale=not isinstance(block.layer_scale, nn.Identity),
        norm=norm_of(block.pw_exp.bn),
    )
    return _with_ratio(read, block, expand.in_channels, expand.out_channels)


def _read_attention(block: Any, path: str) -> Block:
    attention = block.attn
    if type(attention).__name__ != "MultiQueryAttention2d":
        raise NotOursError(f"{path}.attn is a {type(attention).__name__}, not a MultiQueryAttention2d")
    strided = attention.kv_stride > 1
    return MobileAttention(
        _out_chs(attention.output.proj),
        attention.num_heads,
        attention.key_dim,
        attention.kv_stride,
        window(conv_of(attention.key.down_conv, f"{path}.attn.key.down_conv")) if strided else 3,
        multi_query=True,
        layer_scale=not isinstance(block.layer_scale, nn.Identity),
    )


def _read_ghost(block: Any, path: str) -> Block:
    expand, strided = block.ghost1.primary_conv, block.conv_dw is not None
    conv = conv_of(expand[0], f"{path}.ghost1.primary_conv.0")
    read = Ghost(
        int(block.ghost2.out_chs),
        block.stride,
        window(conv_of(block.conv_dw, f"{path}.conv_dw")) if strided else 3,
        cheap_kernel_size=window(conv_of(block.ghost1.cheap_operation[0], f"{path}.ghost1.cheap_operation.0")),
        se=block.se is not None,
        act=act_of(expand[2], f"{path}.ghost1.primary_conv.2"),
    )
    return _with_ratio(read, block, conv.in_channels, int(block.ghost1.out_chs))


_READERS: Mapping[str, Callable[[Any, str], Block]] = {
    "ConvBnAct": _read_conv,
    "DepthwiseSeparableConv": _read_depthwise_separable,
    "InvertedResidual": _read_mbconv,
    "EdgeResidual": _read_fused_mbconv,
    "UniversalInvertedResidual": _read_uib,
    "MobileAttention": _read_attention,
    "GhostBottleneck": _read_ghost,
}


def _with_ratio(block: Block, module: nn.Module, in_chs: int, mid_chs: int) -> Block:
    """Return `block` with the roundest expansion ratio that gives the module's shapes, as far as one does."""
    wanted, exact = _shapes(module), mid_chs / in_chs
    found = block
    for exp_ratio in _ratios(exact):
        found = replace(block, exp_ratio=exp_ratio)  # type: ignore[type-var]
        with torch.device("meta"):
            if _shapes(found.build(in_chs)) == wanted:
                break
    return found


def _ratios(exact: float) -> Iterator[float]:
    """Yield ratios by their number of decimals, and of one number the nearest to `exact` first."""
    for decimals in range(3):
        unit = 10**-decimals
        nearest_ones = (round(exact + step * unit, decimals) for step in (0, 1, -1, 2, -2))
        yield from (ratio for ratio in nearest_ones if ratio > 0)
    yield exact


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
