"""From a timm model to an architecture: read its modules, build what was read again, compare the two.

The reading only has to find the fields; whatever of the model they do not say (a padding, an epsilon, anti-aliasing)
shows in the comparison, so a model is either the same network or refused with the first module that differs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nas import torch_compat
from nas.errors import UserError, nearest
from nas.model.network import assemble
from nas.model.timm_blocks import act_of, conv_of, norm_of, read_block, window
from nas.model.timm_classes import CLASSES
from nas.model.timm_compare import NotOursError, described, require_equal
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

_WITH_OUR_NAMES = ("EfficientNet", "MobileNetV3", "GhostNet")


def architecture_from_timm(name: str, *, resolution: int | None = None, num_classes: int | None = None) -> Architecture:
    """Return the architecture whose network is a timm model's: same numbers and outputs.

    Names and shapes of the weights are the same too, or translated by `nas.model.timm_names`.

    Args:
        name: timm's name of a model of its EfficientNet, MobileNetV3, GhostNet, ConvNeXt, VisionTransformer or
            EfficientVit class.
        resolution: side of the input image; None takes the model's own.
        num_classes: None takes the model's own.

    Raises:
        UserError: if timm has no such model, or it is no architecture, naming the module and why.
    """
    model = create_timm_model(name)
    own = int(model.default_cfg["input_size"][-1])
    classes = int(model.num_classes) if num_classes is None else num_classes
    try:
        architecture = _read(model, own)
        chosen = replace(architecture, resolution=own if resolution is None else resolution, num_classes=classes)
        _require_whole_steps(model, chosen)
        return chosen
    except (NotOursError, ValueError) as error:
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
    """Read the model at its own resolution and compare it with what was read."""
    family = type(model).__name__
    if model.num_classes < 1:
        raise NotOursError("it has no classifier")
    if family in CLASSES:
        return _read_and_make_again(model, family, resolution)
    if family not in _WITH_OUR_NAMES:
        raise NotOursError(f"it is a {family}; read are timm's classes {', '.join((*_WITH_OUR_NAMES, *CLASSES))}")
    architecture = _read_with_our_names(model, family, resolution)
    with torch.device("meta"):
        require_equal(_with_joined_act(described(model)), described(assemble(architecture)))
    return architecture


def _read_and_make_again(model: Any, family: str, resolution: int) -> Architecture:
    try:
        architecture = CLASSES[family].read(model, resolution)
        with torch.device("meta"):
            again = CLASSES[family].again(model, architecture)
    except (AttributeError, TypeError) as error:  # a part that such models have in another form here
        raise NotOursError(str(error)) from None
    require_equal(described(model, attributes=True), described(again, attributes=True))
    return architecture


def _require_whole_steps(model: Any, architecture: Architecture) -> None:
    family = CLASSES.get(type(model).__name__)
    if family is None or not family.whole_steps:
        return
    size = architecture.resolution
    for stride in (architecture.stem.stride, *(block.stride for _, _, block in architecture.blocks())):
        if size % stride:
            raise NotOursError(
                f"resolution {architecture.resolution} gives a map of side {size} that timm cuts to a multiple of "
                f"{stride}, where an architecture pads it"
            )
        size //= stride


def _read_with_our_names(model: Any, family: str, resolution: int) -> Architecture:
    conv = conv_of(model.conv_stem, "conv_stem")
    norm = model.act1 if family == "GhostNet" else model.bn1
    stem = Stem(conv.out_channels, window(conv), conv.stride[0], act_of(norm, "bn1"), norm=norm_of(norm))
    stages = tuple(
        tuple(read_block(block, f"blocks.{i}.{j}") for j, block in enumerate(stage))
        for i, stage in enumerate(model.blocks)
    )
    return Architecture(resolution, int(model.num_classes), stem, stages, _read_head(model, family))


def _with_joined_act(theirs: dict[str, str]) -> dict[str, str]:
    """Write GhostNet's norm and activation behind the stem, which are two modules, as the one that others have."""
    if "act1" not in theirs:
        return theirs
    joined = {"bn1": theirs["bn1"].replace("BatchNorm2d", "BatchNormAct2d"), "bn1.act": theirs["act1"]}
    return {**{path: text for path, text in theirs.items() if path != "act1"}, **joined}


def _read_head(model: Any, family: str) -> Head:
    pool = getattr(model.global_pool, "pool_type", "none")
    if pool != "avg":
        raise NotOursError(f"global_pool is {pool!r}, not 'avg'")
    if isinstance(model.conv_head, nn.Identity):
        return Head()
    features = conv_of(model.conv_head, "conv_head").out_channels
    if family == "EfficientNet":
        return Head("conv_pool", features, act_of(model.bn2, "bn2"), norm=norm_of(model.bn2))
    if isinstance(getattr(model, "norm_head", nn.Identity()), nn.Identity):
        return Head("pool_conv", features, act_of(model.act2, "act2"))
    act, norm = act_of(model.norm_head, "norm_head"), norm_of(model.norm_head)
    return Head("pool_conv_norm", features, act, norm=norm)
