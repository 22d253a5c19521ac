"""Weights between timm's models and our networks: the same numbers under two sets of names.

Networks of timm's EfficientNet, MobileNetV3 and GhostNet classes keep timm's names. For its ConvNeXt, VisionTransformer
and EfficientVit classes a table of rules, made from the architecture, translates names, takes packed queries, keys and
values apart, and turns linear layers into 1x1 convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nas.model.timm_forms import SAME, AsConvolution, AsMap, Form, Packed, Positions
from nas.space.architecture import Architecture

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Rule:
    """One weight, or all of a module, by the beginning of its names.

    Attributes:
        theirs: what timm's names begin with.
        ours: what our names begin with; several where timm keeps several weights in one.
        form: how the numbers are laid out.
    """

    theirs: str
    ours: tuple[str, ...]
    form: Form = SAME


def ours_from_timm(architecture: Architecture, state_dict: Mapping[str, Tensor]) -> Weights:
    """Return the weights of timm's model of an architecture by the names of our network.

    Args:
        architecture: what both models compute.
        state_dict: timm's weights; names that we do not know stay as they are, for `load_state_dict` to refuse.
    """
    rules = {rule.theirs: rule for rule in _rules(architecture)}
    found: Weights = {}
    for name, tensor in state_dict.items():
        start = _start(name, rules)
        if start is None:
            found[name] = tensor
            continue
        rule, rest = rules[start], name[len(start) :]
        found.update(zip((our + rest for our in rule.ours), rule.form.split(tensor), strict=True))
    return found


def timm_from_ours(architecture: Architecture, state_dict: Mapping[str, Tensor]) -> Weights:
    """Return the weights of our network of an architecture by timm's names; the inverse of `ours_from_timm`.

    The linear layers inside timm's larger ConvNeXts (those with ``conv_mlp=False``) come as 1x1 convolutions.
    """
    rules = {our: rule for rule in _rules(architecture) for our in rule.ours}
    found: Weights = {}
    for name, tensor in state_dict.items():
        start = _start(name, rules)
        if start is None:
            found[name] = tensor
            continue
        rule, rest = rules[start], name[len(start) :]
        if start == rule.ours[0]:  # the others of a pack are found beside the first
            found[rule.theirs + rest] = rule.form.join([state_dict[our + rest] for our in rule.ours])
    return found


def _start(name: str, rules: Mapping[str, Rule]) -> str | None:
    """Return the longest beginning of `name`, up to a dot or its end, that a rule is for."""
    parts = name.split(".")
    starts = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((start for start in starts if start in rules), None)


def _rules(architecture: Architecture) -> Iterator[Rule]:
    """Return the rules of the class of timm's that the architecture's ends are of; none where names are the same."""
    if architecture.stem.kind == "tokens":
        return _vision_transformer(architecture)
    if architecture.stem.kind == "patch":
        return _convnext(architecture)
    if architecture.head.kind == "conv_pool_mlp":
        return _efficientvit(architecture)
    return iter(())


def _vision_transformer(architecture: Architecture) -> Iterator[Rule]:
    yield Rule("patch_embed.proj", ("conv_stem",))
    yield Rule("cls_token", ("tokens.cls_token",), AsMap())
    yield Rule("pos_embed", ("tokens.cls_pos_embed", "tokens.pos_embed"), Positions())
    for number, (ours, _, _) in enumerate(architecture.blocks()):
        theirs = f"blocks.{number}"
        yield from (Rule(f"{theirs}.{norm}", (f"{ours}.{norm}",)) for norm in ("norm1", "norm2"))
        qkv = tuple(f"{ours}.attn.{name}" for name in ("query", "key", "value"))
        yield Rule(f"{theirs}.attn.qkv", qkv, Packed(groups=1, linear=True))
        linears = ("attn.proj", "mlp.fc1", "mlp.fc2")
        yield from (Rule(f"{theirs}.{name}", (f"{ours}.{name}",), AsConvolution(linear=True)) for name in linears)
    yield Rule("norm", ("norm_head",))
    yield Rule("head", ("classifier",))


def _convnext(architecture: Architecture) -> Iterator[Rule]:
    yield Rule("stem.0", ("conv_stem",))
    yield Rule("stem.1", ("norm_stem",))
    for ours, _, _ in architecture.blocks():
        _, i, j = ours.split(".")
        theirs = f"stages.{i}.blocks.{j}"
        yield Rule(theirs, (f"{ours}.block",))
        for name in ("mlp.fc1", "mlp.fc2"):
            yield Rule(f"{theirs}.{name}", (f"{ours}.block.{name}",), AsConvolution(linear=False))
        if j == "0":
            yield Rule(f"stages.{i}.downsample", (f"{ours}.downsample",))
    yield Rule("head.norm", ("norm_head",))
    yield Rule("head.fc", ("classifier",))


def _efficientvit(architecture: Architecture) -> Iterator[Rule]:
    yield Rule("stem.in_conv.conv", ("conv_stem",))
    yield Rule("stem.in_conv.norm", ("bn1",))
    for ours, _, block in architecture.blocks():
        _, i, j = ours.split(".")
        theirs = f"stem.res{j}" if i == "0" else f"stages.{int(i) - 1}.blocks.{j}"
        yield from _efficientvit_block(block, theirs, ours)
    yield Rule("head.in_conv.conv", ("conv_head",))
    yield Rule("head.in_conv.norm", ("bn2",))
    yield Rule("head.classifier.0", ("fc1",), AsConvolution(linear=True))
    yield Rule("head.classifier.1", ("norm_head",))
    yield Rule("head.classifier.4", ("classifier",))


# The convolution and the norm of each of timm's three parts are called so in our blocks.
_MBCONV = {"inverted_conv": ("conv_pw", "bn1"), "depth_conv": ("conv_dw", "bn2"), "point_conv": ("conv_pwl", "bn3")}
_SEPARABLE = {"depth_conv": ("conv_dw", "bn1"), "point_conv": ("conv_pw", "bn2")}


def _efficientvit_block(block: Any, theirs: str, ours: str) -> Iterator[Rule]:
    if block.kind in ("mbconv", "depthwise_separable"):
        for part, (conv, norm) in (_MBCONV if block.kind == "mbconv" else _SEPARABLE).items():
            yield Rule(f"{theirs}.main.{part}.conv", (f"{ours}.{conv}",))
            yield Rule(f"{theirs}.main.{part}.norm", (f"{ours}.{norm}",))
        return
    yield Rule(theirs, (ours,))
    if block.kind == "linear_attention":
        inside, names = "context_module.main", ("query", "key", "value")
        by_head = Packed(groups=block.num_heads, linear=False)
        yield Rule(f"{theirs}.{inside}.qkv.conv", tuple(f"{ours}.{inside}.{name}" for name in names), by_head)
        for part in ("0", "1"):
            sums = tuple(f"{ours}.{inside}.{name}_sum.{part}" for name in names)
            yield Rule(f"{theirs}.{inside}.aggreg.0.{part}", sums, by_head)
