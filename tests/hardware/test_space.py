"""Spaces restricted to a target: nothing sampled needs what the target cannot run."""

import random
from dataclasses import replace

import pytest
import yaml

from nas import schema
from nas.cost.cost import CostModel, architecture_parts, trace_part
from nas.errors import UserError
from nas.hardware.bounds import fewest_params
from nas.hardware.profile import HardwareProfile, load_profile, profile_names
from nas.hardware.restrict import max_params, unsupported_ops
from nas.hardware.space import Restriction, restrict
from nas.space.document import SpaceDocument, space_names
from nas.space.space import SearchSpace, load_space, space_from_document


def missing(restriction: Restriction, profile: HardwareProfile, count: int) -> set[str]:
    """Return what the target cannot run of samples of what is left."""
    rng = random.Random(0)
    sampled = [restriction.space.sample(rng) for _ in range(count)]
    parts = {part for architecture in sampled for part in architecture_parts(architecture)}
    return {name for part, shape in parts for name in unsupported_ops(profile, trace_part(part, shape))}


@pytest.mark.parametrize("target", profile_names())
@pytest.mark.parametrize("name", space_names())
def test_samples_run_on_the_target(name: str, target: str) -> None:
    profile, space = load_profile(target), load_space(name)
    restriction, rng = restrict(space, profile), random.Random(1)
    assert all(space.contains(restriction.space.sample(rng)) for _ in range(50))
    assert restriction.space.size() <= space.size()
    assert bool(restriction.removed) == (restriction.space.size() < space.size())
    if profile.limits.unsupported:
        assert missing(restriction, profile, 50) == set()


@pytest.mark.slow
@pytest.mark.parametrize("target", [name for name in profile_names() if load_profile(name).limits.unsupported])
@pytest.mark.parametrize("name", space_names())
def test_a_thousand_samples_run_on_the_target(name: str, target: str) -> None:
    profile = load_profile(target)
    assert missing(restrict(load_space(name), profile), profile, 1000) == set()


def test_coral_has_no_attention_and_says_why() -> None:
    restriction = load_space("tiny-hybrid").restricted_to(load_profile("coral-edgetpu"))
    kinds = {family.kind for stage in restriction.space.stages for family in stage.families}
    assert kinds.isdisjoint({"transformer", "mobile_attention"})
    assert any("transformer" in line and "matmul" in line for line in restriction.removed)
    assert any("hard_swish" in line for line in restriction.removed)


NORMS = """stem: {out_chs: 8, norm: NORM}, stages: [{depth: [1, 2], out_chs: 16, stride: 2, blocks: [
  {kind: mbconv, norm: NORM}, {kind: fused_mbconv, norm: NORM}, {kind: convnext, norm: NORM, act: relu}]}],
  heads: [{kind: conv_pool, features: 16, norm: NORM}]"""


def test_coral_has_no_layer_norm() -> None:
    coral = load_profile("coral-edgetpu")
    restriction = restrict(space_of(NORMS.replace("NORM", "[layer, batch]")), coral)
    (stage,) = restriction.space.stages
    parts = [restriction.space.stem, *(f.fields for f in stage.families), restriction.space.heads["conv_pool"]]
    assert [part["norm"] for part in parts] == [("batch",)] * 5
    assert "stage 0: mbconv: norm layer needs layer_norm" in restriction.removed
    with pytest.raises(UserError, match="can run no stem .* layer_norm"):
        restrict(space_of(NORMS.replace("NORM", "layer")), coral)


def test_changed_seeds_have_another_name() -> None:
    space = load_space("tiny-hybrid")
    restriction = restrict(space, load_profile("coral-edgetpu"))
    names = [name for name, _ in restriction.seeds(space)]
    assert "mobilenetv2-small" in names
    assert any(name.endswith("-adapted") for name in names)
    assert all(restriction.space.contains(a) for _, a in restriction.seeds(space))


def test_a_target_that_runs_nothing_is_an_error() -> None:
    profile = load_profile("coral-edgetpu")
    nothing = replace(profile, limits=replace(profile.limits, unsupported=("conv2d",)))
    with pytest.raises(UserError, match="can run no stem"):
        restrict(load_space("tiny-hybrid"), nothing)


def space_of(text: str) -> SearchSpace:
    head = "name: toy, description: small, resolution: 32"
    return space_from_document(schema.read(SpaceDocument, yaml.safe_load(f"{{{head}, {text}}}")))


def limited(**limits: object) -> HardwareProfile:
    profile = load_profile("jetson-orin")
    return replace(profile, limits=replace(profile.limits, **limits))


PADDED = (
    "stem: {out_chs: [8, 12]}, stages: [{depth: 1, out_chs: [12, 20], blocks: [{kind: conv}]}], heads: [{kind: pool}]"
)


def test_padded_widths_are_removed_unless_all_are() -> None:
    restriction = restrict(space_of(PADDED), limited(channel_multiple=8))
    assert restriction.space.stem["out_chs"] == (8,)
    assert restriction.space.stages[0].out_chs == (12, 20)
    assert restriction.removed == ("stem: out_chs 12 is worked on as 16: channels are padded to multiples of 8",)


WEIGHTY = """stem: {out_chs: 8}, heads: [{kind: pool}], stages: [
  {depth: [1, 2, 4], out_chs: [16, 64], blocks: [{kind: conv}]}, {depth: 1, out_chs: 16, blocks: [{kind: conv}]}]"""


def test_choices_that_cannot_fit_on_the_chip_are_removed_with_the_reason() -> None:
    profile = limited(on_chip_bytes=2 * 30_000, stream_gbytes_per_s=1.0)  # two bytes a weight
    restriction = restrict(space_of(WEIGHTY).for_classes(10), profile)
    assert restriction.max_params == max_params(profile) == 30_000
    assert restriction.removed == ()
    profile = limited(on_chip_bytes=2 * 10_000, stream_gbytes_per_s=1.0)
    restriction = restrict(space_of(WEIGHTY).for_classes(10), profile)
    assert [line.split(" has at least")[0] for line in restriction.removed] == [
        "stage 0: depth 4",
        "stage 0: out_chs 64",
    ]
    assert "10,000 fit on the chip" in restriction.removed[0]
    assert CostModel().cost(restriction.space.smallest()).params <= 10_000


@pytest.mark.parametrize("name", space_names())
def test_no_network_has_fewer_weights_than_the_bound(name: str) -> None:
    space, model, rng = load_space(name), CostModel(), random.Random(0)
    fewest = fewest_params(space)
    smallest = min(model.cost(space.smallest(random.Random(seed))).params for seed in range(5))
    assert fewest <= min(smallest, *(model.cost(space.sample(rng)).params for _ in range(20)))
    assert fewest > 0.5 * smallest


def test_a_space_too_heavy_for_the_chip_is_an_error() -> None:
    with pytest.raises(UserError, match=r"holds 1,000 weights on the chip, but every network .* has at least"):
        restrict(space_of(WEIGHTY), limited(on_chip_bytes=2 * 1000, stream_gbytes_per_s=1.0))


TIED = """stem: {out_chs: 8, act: [relu, hard_swish, silu]}, tied: [act], heads: [{kind: pool}], stages: [
  {depth: 2, out_chs: 16, tied: [kernel_size], blocks: [
    {kind: conv, act: [relu, hard_swish, silu]}, {kind: transformer, act: gelu}, {kind: mbconv, any_of: [
      {kernel_size: [3, 5], exp_ratio: 2}, {kernel_size: [3, 5], exp_ratio: 3, act: hard_swish}]}]}]"""


def test_ties_hold_in_what_is_left() -> None:
    restriction = restrict(space_of(TIED), load_profile("coral-edgetpu"))
    rng = random.Random(0)
    assert restriction.space.parameters["act"] == ("relu", "silu")
    for _ in range(50):
        architecture = restriction.space.sample(rng)
        acts = {b.act for stage in architecture.stages for b in stage if b.kind == "conv"}
        assert acts <= {architecture.stem.act}
        assert space_of(TIED).contains(architecture)


def test_a_stage_that_nothing_may_follow_in_is_one_block_deep() -> None:
    text = """stem: {out_chs: 8}, heads: [{kind: pool}], stages: [
      {depth: [1, 2], out_chs: 16, first: [{kind: conv}], rest: [{kind: transformer}]}]"""
    restriction = restrict(space_of(text), load_profile("coral-edgetpu"))
    assert restriction.space.stages[0].depth == (1,)
    assert any("no kind is left to follow" in line for line in restriction.removed)
    with pytest.raises(UserError, match="can run no stage 0"):
        restrict(space_of(text.replace("[1, 2]", "2")), load_profile("coral-edgetpu"))
