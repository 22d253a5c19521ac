"""Stems and heads: shapes, and that one network has one description."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.blocks.parts import Norm
from nas.errors import UserError
from nas.export import ModelFacts, export_module
from nas.model.network import build
from nas.model.supernet import Supernet
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
from nas.space.space import SearchSpace, load_space

PATCHES = """
name: patches
description: Patches and ConvNeXt blocks.
resolution: [28, 32]
stem: {kind: patch, out_chs: [8, 16], kernel_size: 4, stride: 4}
stages:
  - {depth: [1, 2], out_chs: 16, blocks: [{kind: convnext, kernel_size: [3, 5]}]}
heads: [{kind: pool_norm}, {kind: conv_pool_mlp, features: [8, 16], hidden: [8, 24]}]
"""

TOKENS = """
name: tokens
description: Tokens and transformer blocks.
resolution: [24, 32]
stem: {kind: tokens, out_chs: 16, kernel_size: 8, stride: 8}
stages:
  - depth: [1, 2]
    out_chs: 16
    blocks: [{kind: transformer, position: none, bias: true, mlp_ratio: [2, 4], num_heads: [2, 4]}]
heads: [{kind: token_norm}]
"""

STEMS = [Stem(8), Stem(8, 4, 4, kind="patch"), Stem(8, 4, 4, kind="tokens")]


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.kind)
@pytest.mark.parametrize("resolution", [32, 30])
def test_a_stem_gives_the_shape_it_says(stem: Stem, resolution: int) -> None:
    modules = stem.modules(resolution)
    assert set(modules) <= {"conv_stem", "bn1", "norm_stem", "tokens"}
    with torch.no_grad():
        out = torch.nn.Sequential(*modules.values())(torch.randn(2, 3, resolution, resolution))
    assert out.shape == (2, *stem.output_shape(resolution))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kernel_size": 3, "stride": 4, "kind": "patch"}, "kernel_size of a patch stem must be its stride"),
        ({"kernel_size": 4, "stride": 4, "kind": "tokens", "act": "gelu"}, "act must stay relu"),
        ({"kernel_size": 1, "stride": 1, "kind": "patch"}, "stride must be 2 to 64"),
        ({"kernel_size": 4, "stride": 4}, "stride must be 1 or 2"),
        ({"kernel_size": 4, "stride": 4, "kind": "patch", "norm": "layer"}, "norm must stay batch"),
    ],
)
def test_a_stem_that_makes_no_sense_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Stem(8, **fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "pool_norm", "features": 8}, "features is 0"),
        ({"kind": "pool_norm", "act": "gelu"}, "act must stay relu"),
        ({"kind": "conv_pool", "features": 8, "hidden": 8}, "hidden belongs to kind conv_pool_mlp"),
        ({"kind": "conv_pool_mlp", "features": 8}, "hidden belongs to kind conv_pool_mlp"),
        ({"kind": "pool_conv", "features": 8, "norm": "layer"}, "norm must stay batch"),
        ({"kind": "pool_norm", "norm": "layer"}, "norm must stay batch"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Head(**fields)


WITH_NORM = [Head("conv_pool", 8), Head("pool_conv_norm", 8), Head("conv_pool_mlp", 8, hidden=4)]


@pytest.mark.parametrize("head", WITH_NORM, ids=lambda head: head.kind)
def test_ends_with_layer_norm_have_no_batch_norm_and_equal_names(head: Head) -> None:
    def network(norm: Norm) -> torch.nn.Module:
        return build(Architecture(32, 5, Stem(8, norm=norm), (), replace(head, norm=norm)))

    assert not list(network("layer").buffers())
    assert [n for n, _ in network("layer").named_parameters()] == [n for n, _ in network("batch").named_parameters()]
    assert network("layer").eval()(torch.randn(2, 3, 32, 32)).shape == (2, 5)


def test_what_a_stem_and_a_head_gained_is_not_written_where_it_says_nothing() -> None:
    written = Architecture(32, 5, Stem(8), (), Head()).to_dict()
    assert (written["stem"], written["head"]) == (
        {"out_chs": 8, "kernel_size": 3, "stride": 2, "act": "relu"},
        {"kind": "pool", "features": 0, "act": "relu"},
    )
    patches = Architecture(32, 5, STEMS[1], (), Head("conv_pool_mlp", 8, hidden=4))
    assert Architecture.from_dict(patches.to_dict()) == patches


def test_tokens_go_with_their_head_and_with_blocks_for_them() -> None:
    block = {"kind": "transformer", "out_chs": 8, "num_heads": 2, "head_dim": 4, "position": "none", "bias": True}
    document = Architecture(32, 5, STEMS[2], (), Head("token_norm")).to_dict()
    document["stages"] = [[block, block]]
    with torch.no_grad():
        assert build(Architecture.from_dict(document)).eval()(torch.randn(2, 3, 32, 32)).shape == (2, 5)
    with pytest.raises(UserError, match="a tokens stem does not go with a pool head"):
        Architecture.from_dict(document | {"head": {"kind": "pool"}})
    with pytest.raises(UserError, match=r"blocks.0.0: behind a tokens stem only transformer blocks"):
        Architecture.from_dict(document | {"stages": [[{**block, "window_size": 2}]]})


def test_tokens_are_exported(tmp_path) -> None:
    network = build(Architecture(32, 5, STEMS[2], (), Head("token_norm")), seed=0).eval()
    facts, images = ModelFacts(32), torch.randn(4, 3, 32, 32)
    assert export_module(network, "onnx", tmp_path, facts=facts, images=images, name="tokens").passed


def space_of(text: str, folder: Path) -> SearchSpace:
    path = folder / "space.yaml"
    path.write_text(text)
    return load_space(str(path)).for_classes(5)


@pytest.mark.parametrize("text", [PATCHES, TOKENS], ids=["patches", "tokens"])
def test_a_space_of_patches_or_tokens_shares_weights(text: str, tmp_path: Path) -> None:
    space, rng = space_of(text, tmp_path), random.Random(0)
    supernet = Supernet(space, seed=0).eval()
    for _ in range(8):
        architecture = space.sample(rng)
        assert space.contains(architecture)
        x = torch.randn(2, 3, architecture.resolution, architecture.resolution)
        with torch.no_grad():
            assert torch.allclose(supernet(architecture, x), supernet.extract(architecture)(x), atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("token_norm", "pool", r"\$.heads\[0\].kind: pool does not go with this stem: token_norm does"),
        ("position: none", "window_size: 0", r"\$.stages\[0\]: transformer: behind a tokens stem only"),
        ("out_chs: 16\n", "out_chs: 24\n", r"\$.stages\[0\]: tokens keep number and width"),
    ],
)
def test_a_space_of_tokens_that_makes_no_sense_is_refused(old: str, new: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=problem):
        space_of(TOKENS.replace(old, new), tmp_path)
