"""From a timm model to an architecture: read its modules, build the architecture again, compare the two.

The reading only has to find the fields; whatever of the model they do not say (a padding, an epsilon, anti-aliasing)
shows in the comparison, so a model is either the same network or refused with the first module that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nas import torch_compat
from nas.blocks import Block, parts
from nas.blocks.conv import Conv
from nas.blocks.depthwise_separable import DepthwiseSeparable
from nas.blocks.fused_mbconv import FusedMBConv
from nas.blocks.mbconv import MBConv
from nas.blocks.mobile_attention import MobileAttention
from nas.blocks.residual_conv import ResidualConv
from nas.blocks.universal_inverted_bottleneck import UniversalInvertedBottleneck
from nas.errors import UserError, nearest
from nas.model.network import assemble
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

_ACTS: Mapping[str, parts.Act] = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "Hardswish": "hard_swish",
    "SiLU": "silu",
    "GELU": "gelu",
}
_OURS_ALONE = ("global_pool", "flatten")  # pooling has no weights and is compared by its kind


class _NotOursError(Exception):
    """A module that no field of ours describes."""


def architecture_from_timm(name: str, *, resolution: int | None = None, num_classes: int | None = None) -> Architecture:
    """Return the architecture whose network is a timm model's: same names, shapes and outputs.

    Args:
        name: timm's name of a model of its EfficientNet or MobileNetV3 class.
        resolution: side of the input image; None takes the model's own.
        num_classes: None takes the model's own.

    Raises:
        UserError: if timm has no such model, or it is no architecture, naming the module and why.
    """
    model = create_timm_model(name)
    side = int(model.default_cfg["input_size"][-1]) if resolution is None else resolution
    classes = int(model.num_classes) if num_classes is None else num_classes
    try:
        architecture = _read(model, side)
        with torch.device("meta"):
            _require_equal(model, assemble(architecture))
        return replace(architecture, num_classes=classes)
    except (_NotOursError, ValueError) as error:
        raise UserError(f"timm model {name!r} cannot be written as an architecture: {error}") from None


def create_timm_model(name: str) -> Any:
    """Build a timm model without weights, on the meta device.

    Raises:
        UserError: if timm has no such model.
    """
    require_timm_model(name)
    import timm

    with torch.device("meta"):
        return timm.create_model(name)


def require_timm_model(name: str) -> None:
    """Check that timm has a model of this name.

    Raises:
        UserError: if not, with the nearest name.
    """
    torch_compat.prepare()
    import timm

    models = timm.list_models()
    if name in models:
        return
    close = nearest(name, models)
    hint = f"; did you mean {close!r}?" if close else ";"
    raise UserError(f"unknown timm model {name!r}{hint} timm has {len(models)} models (timm.list_models())")


def _read(model: Any, resolution: int) -> Architecture:
    family = type(model).__name__
    if family not in ("EfficientNet", "MobileNetV3"):
        raise _NotOursError(f"it is a {family}; only timm's EfficientNet and MobileNetV3 classes are read")
    conv = _conv(model.conv_stem, "conv_stem")
    stem = Stem(conv.out_channels, _window(conv), conv.stride[0], _act(model.bn1, "bn1"))
    stages = tuple(
        tuple(_read_block(block, f"blocks.{i}.{j}") for j, block in enumerate(stage))
        for i, stage in enumerate(model.blocks)
    )
    return Architecture(resolution, int(model.num_classes), stem, stages, _read_head(model, family))


def _read_head(model: Any, family: str) -> Head:
    pool = getattr(model.global_pool, "pool_type", "none")
    if pool != "avg":
        raise _NotOursError(f"global_pool is {pool!r}, not 'avg'")
    if isinstance(model.conv_head, nn.Identity):
        return Head()
    features = _conv(model.conv_head, "conv_head").out_channels
    if family == "EfficientNet":
        return Head("conv_pool", features, _act(model.bn2, "bn2"))
    if isinstance(model.norm_head, nn.Identity):
        return Head("pool_conv", features, _act(model.act2, "act2"))
    return Head("pool_conv_norm", features, _act(model.norm_head, "norm_head"))


def _read_block(block: Any, path: str) -> Block:
    kind = type(block).__name__
    if kind not in _READERS:
        raise _NotOursError(f"{path} is a {kind}; read are {', '.join(_READERS)}")
    try:
        return _READERS[kind](block, path)
    except (AttributeError, ValueError) as error:  # a field out of range, or a part that such blocks do not have here
        raise _NotOursError(f"{path}: {error}") from None


def _read_conv(block: Any, path: str) -> Block:
    conv, act = _conv(block.conv, f"{path}.conv"), _act(block.bn1, f"{path}.bn1")
    if block.has_skip:
        return ResidualConv(conv.out_channels, _window(conv), act)
    return Conv(conv.out_channels, conv.stride[0], _window(conv), act)


def _read_depthwise_separable(block: Any, path: str) -> Block:
    conv = _conv(block.conv_dw, f"{path}.conv_dw")
    fields = (_se(block.se, f"{path}.se"), _act(block.bn1, f"{path}.bn1"), bool(block.has_pw_act))
    return DepthwiseSeparable(_out_chs(block.conv_pw), conv.stride[0], _window(conv), *fields)


def _read_mbconv(block: Any, path: str) -> Block:
    expand, conv = _conv(block.conv_pw, f"{path}.conv_pw"), _conv(block.conv_dw, f"{path}.conv_dw")
    read = MBConv(
        _out_chs(block.conv_pwl),
        conv.stride[0],
        _window(conv),
        se=_se(block.se, f"{path}.se"),
        act=_act(block.bn1, f"{path}.bn1"),
    )
    return _with_ratio(read, block, expand)


def _read_fused_mbconv(block: Any, path: str) -> Block:
    conv = _conv(block.conv_exp, f"{path}.conv_exp")
    read = FusedMBConv(
        _out_chs(block.conv_pwl),
        conv.stride[0],
        _window(conv),
        se=_se(block.se, f"{path}.se"),
        act=_act(block.bn1, f"{path}.bn1"),
    )
    return _with_ratio(read, block, conv)


def _read_uib(block: Any, path: str) -> Block:
    start, middle = (
        None if isinstance(part, nn.Identity) else _conv(part.conv, f"{path}.{name}.conv")
        for name, part in (("dw_start", block.dw_start), ("dw_mid", block.dw_mid))
    )
    expand = _conv(block.pw_exp.conv, f"{path}.pw_exp.conv")
    read = UniversalInvertedBottleneck(
        _out_chs(block.pw_proj.conv),
        max(conv.stride[0] if conv else 1 for conv in (start, middle)),
        _window(start) if start else 0,
        _window(middle) if middle else 0,
        act=_act(block.pw_exp.bn, f"{path}.pw_exp.bn"),
        layer_scale=not isinstance(block.layer_scale, nn.Identity),
    )
    return _with_ratio(read, block, expand)


def _read_attention(block: Any, path: str) -> Block:
    attention = block.attn
    if type(attention).__name__ != "MultiQueryAttention2d":
        raise _NotOursError(f"{path}.attn is a {type(attention).__name__}, not a MultiQueryAttention2d")
    strided = attention.kv_stride > 1
    return MobileAttention(
        _out_chs(attention.output.proj),
        attention.num_heads,
        attention.key_dim,
        attention.kv_stride,
        _window(_conv(attention.key.down_conv, f"{path}.attn.key.down_conv")) if strided else 3,
        multi_query=True,
        layer_scale=not isinstance(block.layer_scale, nn.Identity),
    )


_READERS: Mapping[str, Callable[[Any, str], Block]] = {
    "ConvBnAct": _read_conv,
    "DepthwiseSeparableConv": _read_depthwise_separable,
    "InvertedResidual": _read_mbconv,
    "EdgeResidual": _read_fused_mbconv,
    "UniversalInvertedResidual": _read_uib,
    "MobileAttention": _read_attention,
}


def _with_ratio(block: Block, module: nn.Module, expand: nn.Conv2d) -> Block:
    """Return `block` with the roundest expansion ratio that gives the module's shapes, as far as one does."""
    wanted, exact = _shapes(module), expand.out_channels / expand.in_channels
    found = block
    for exp_ratio in _ratios(exact):
        found = replace(block, exp_ratio=exp_ratio)  # type: ignore[type-var]
        with torch.device("meta"):
            if _shapes(found.build(expand.in_channels)) == wanted:
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


def _require_equal(model: nn.Module, network: nn.Module) -> None:
    """Compare every module of the two, by name: class, settings, shapes and skips."""
    theirs, ours = _described(model), _described(network)
    for path in dict.fromkeys((*theirs, *ours)):
        if theirs.get(path) != ours.get(path):
            has, can = theirs.get(path, "missing"), ours.get(path, "nothing")
            raise _NotOursError(f"{path} is {has}, where an architecture has {can}")


def _described(root: nn.Module) -> dict[str, str]:
    found = {}
    for path, module in root.named_modules():
        if path and not path.startswith(_OURS_ALONE) and not isinstance(module, nn.Identity):
            settings = module.extra_repr().replace(", inplace=True", "").replace("inplace=True", "")
            shapes = [tuple(p.shape) for p in module.parameters(recurse=False)]
            skip = " with skip" if getattr(module, "has_skip", False) else ""
            found[path] = f"{type(module).__name__}({settings}){skip} {shapes or ''}".strip()
    return found


def _conv(module: nn.Module, path: str) -> nn.Conv2d:
    if not isinstance(module, nn.Conv2d):
        raise _NotOursError(f"{path} is a {type(module).__name__}, not a Conv2d")
    return module


def _window(conv: nn.Conv2d) -> int:
    return int(conv.kernel_size[0])


def _out_chs(conv: Any) -> int:
    return int(conv.out_channels)


def _act(module: nn.Module, path: str) -> parts.Act:
    """Return the activation, alone or at the end of a norm; what is not there shows in the comparison."""
    act = type(getattr(module, "act", module)).__name__
    if act not in _ACTS:
        raise _NotOursError(f"the activation of {path} is {act}; read are {', '.join(_ACTS)}")
    return _ACTS[act]


def _se(module: Any, path: str) -> parts.Se:
    if isinstance(module, nn.Identity):
        return "none"
    if type(module).__name__ != "SqueezeExcite":
        raise _NotOursError(f"{path} is a {type(module).__name__}, not a SqueezeExcite")
    return "mobilenetv3" if type(module.gate).__name__ == "Hardsigmoid" else "efficientnet"
