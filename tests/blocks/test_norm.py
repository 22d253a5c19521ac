"""Layer norm in the place of batch norm: timm's modules with that norm, and nothing else where it is not asked for."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from timm.layers import LayerNorm2d
from timm.models import _efficientnet_blocks as timm_blocks
from timm.models.regnet import Bottleneck
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas.blocks import Block, block_types, parts
from nas.blocks.conv import Conv
from nas.blocks.depthwise_separable import DepthwiseSeparable
from nas.blocks.fused_mbconv import FusedMBConv
from nas.blocks.group_bottleneck import GroupBottleneck
from nas.blocks.mbconv import MBConv
from nas.blocks.residual_conv import ResidualConv
from nas.blocks.universal_inverted_bottleneck import UniversalInvertedBottleneck
from nas.model.network import build
from nas.model.supernet import Supernet
from nas.schema import later_defaults, to_dict
from nas.search.supernet_evaluator import inherit
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
from nas.space.space import SearchSpace, load_space

SE = parts.se_layer("efficientnet", exp_ratio=2)
PAIRS: list[tuple[Block, Callable[..., nn.Module]]] = [
    (
        MBConv(16, 1, 5, 2, "efficientnet", "silu"),
        partial(timm_blocks.InvertedResidual, dw_kernel_size=5, exp_ratio=2, se_layer=SE, act_layer=nn.SiLU),
    ),
    (
        DepthwiseSeparable(16, 1, 5, pw_act=True),
        partial(timm_blocks.DepthwiseSeparableConv, dw_kernel_size=5, noskip=True, pw_act=True),
    ),
    (FusedMBConv(16, 1, 3, 2), partial(timm_blocks.EdgeResidual, exp_kernel_size=3, exp_ratio=2)),
    (ResidualConv(16), partial(timm_blocks.ConvBnAct, kernel_size=3, skip=True)),
    (Conv(16, act="gelu"), partial(timm_blocks.ConvBnAct, kernel_size=3, act_layer=nn.GELU)),
    (
        UniversalInvertedBottleneck(16, 1, 5, 3, 2),
        partial(
            timm_blocks.UniversalInvertedResidual,
            dw_kernel_size_start=5,
            exp_ratio=2,
            act_layer=nn.ReLU,
            layer_scale_init_value=None,
        ),
    ),
    (GroupBottleneck(16, se=True), partial(Bottleneck, group_size=8)),
]
FAMILIES = [type(block) for block, _ in PAIRS]


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_space("benchmarks/narrow-layer.yaml").for_classes(10)


@pytest.mark.parametrize(("block", "timms"), PAIRS, ids=lambda x: getattr(x, "kind", ""))
def test_outputs_are_those_of_timms_module_with_the_same_norm(block: Block, timms: Callable[..., nn.Module]) -> None:
    ours = replace(block, norm="layer").build(16)
    theirs = timms(16, 16, norm_layer=LayerNorm2d)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.5)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)
def test_both_norms_have_the_same_names_of_weights(family: type[Block]) -> None:
    batch, layer = (family(16, norm=norm).build(16) for norm in ("batch", "layer"))
    assert [n for n, _ in batch.named_parameters()] == [n for n, _ in layer.named_parameters()]
    assert not list(layer.buffers())


def test_every_family_with_a_choice_of_norms_is_tried_here() -> None:
    assert {f for f in block_types().values() if "norm" in later_defaults(f)} == set(FAMILIES)


def test_a_space_with_layer_norm_everywhere_has_no_batch_norm(space: SearchSpace) -> None:
    rng = random.Random(0)
    for _ in range(10):
        modules = list(build(space.sample(rng), seed=0).modules())
        assert not any(isinstance(m, _BatchNorm) for m in modules)
        assert any(isinstance(m, nn.LayerNorm) for m in modules)


def test_its_subnets_are_scored_without_calibration(space: SearchSpace) -> None:
    supernet = Supernet(space, seed=0).eval()
    architecture = space.sample(random.Random(1))
    nothing = iter([])
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(inherit(supernet, architecture, nothing)(images), supernet.extract(architecture)(images))
    assert not list(supernet.buffers())


def test_an_image_is_told_as_it_is_told_among_others(space: SearchSpace) -> None:
    network = build(space.largest(), seed=0).train()
    images = torch.randn(4, 3, 32, 32)
    assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-5)


# The digests are those that these networks had before there was a choice of norms.
DIGESTS = {"tiny-hybrid": "580859c9a69dfcc0", "mobile-conv": "85e0cd205ab4a390", "mcu-tiny": "28fefa38aa227113"}


@pytest.mark.parametrize("name", DIGESTS)
def test_documents_digests_and_draws_without_it_are_what_they_were(name: str) -> None:
    architecture = load_space(name).sample(random.Random(11))
    assert architecture.digest == DIGESTS[name]
    assert all("norm" not in to_dict(family(16)) for family in FAMILIES)


def test_the_default_may_be_said_and_the_other_is_another_network() -> None:
    plain = Architecture(16, 3, Stem(8), ((MBConv(8),),), Head("conv_pool", 16))
    document = plain.to_dict()
    for part in (document["stem"], document["stages"][0][0], document["head"]):
        part["norm"] = "batch"
    assert Architecture.from_dict(document) == plain
    changed = [
        replace(plain, stem=Stem(8, norm="layer")),
        replace(plain, stages=((MBConv(8, norm="layer"),),)),
        replace(plain, head=Head("conv_pool", 16, norm="layer")),
    ]
    assert len({a.digest for a in (plain, *changed)}) == 4
    assert all(Architecture.from_json(a.to_json()) == a for a in changed)
