"""Stems and heads: shapes, and that one network has one description."""

import random

import pytest
import torch

from nas.errors import UserError
from nas.export import ModelFacts, export_module
from nas.model.network import build
from nas.model.supernet import Supernet
from nas.space.architecture import Architecture
from nas.space.ends import STEM_MODULES, Head, Stem
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

STEMS = [Stem(8), Stem(8, 4, 4, kind="patch"), Stem(8, 4, 4, kind="tokens")]


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.kind)
@pytest.mark.parametrize("resolution", [32, 30])
def test_a_stem_gives_the_shape_it_says(stem: Stem, resolution: int) -> None:
    modules = stem.modules(resolution)
    assert set(modules) <= STEM_MODULES
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
    ],
)
def test_a_head_that_makes_no_sense_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Head(**fields)


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


@pytest.fixture
def patches(tmp_path) -> SearchSpace:
    path = tmp_path / "patches.yaml"
    path.write_text(PATCHES)
    return load_space(str(path)).for_classes(5)


def test_a_space_of_patches_shares_weights(patches: SearchSpace) -> None:
    supernet, rng = Supernet(patches, seed=0).eval(), random.Random(0)
    for _ in range(8):
        architecture = patches.sample(rng)
        assert patches.contains(architecture)
        x = torch.randn(2, 3, architecture.resolution, architecture.resolution)
        with torch.no_grad():
            assert torch.allclose(supernet(architecture, x), supernet.extract(architecture)(x), atol=1e-5)
