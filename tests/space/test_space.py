"""Search spaces: sampling, encoding, counting, neighbours, errors."""

import itertools
import random

import pytest
import yaml

from nas import schema
from nas.errors import UserError
from nas.model.zoo import ZOO, zoo_architecture
from nas.space.document import SpaceDocument, space_names
from nas.space.space import SearchSpace, load_space, space_from_document

TOY = """
name: toy
description: small enough to enumerate
resolution: [16, 32]
stem: {out_chs: 8}
stages:
  - {depth: [1, 2], out_chs: [8, 16], stride: 2, tied: [exp_ratio], blocks: [
      {kind: mbconv, kernel_size: [3, 5], exp_ratio: [2, 3]}, {kind: transformer, num_heads: 2, mlp_ratio: [1, 2]}]}
  - {depth: [1, 2], out_chs: 16, blocks: [{kind: depthwise_separable, act: [relu, relu6]}, {kind: conv}], tied: [kind]}
heads: [{kind: pool}, {kind: conv_pool, features: [16, 32]}]
"""


def toy(text: str = TOY) -> SearchSpace:
    return space_from_document(schema.read(SpaceDocument, yaml.safe_load(text)))


@pytest.fixture(params=space_names())
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return load_space(request.param)


def test_encoding_round_trip(space: SearchSpace) -> None:
    rng = random.Random(0)
    for _ in range(100):
        architecture = space.sample(rng)
        params = space.encode(architecture)
        assert set(params) == set(space.parameters)
        assert space.decode(params) == architecture


def test_children_stay_inside(space: SearchSpace) -> None:
    rng = random.Random(0)
    for _ in range(50):
        first, second = space.sample(rng), space.sample(rng)
        assert space.contains(space.crossover(first, second, rng))


def test_extremes_and_seeds_are_points(space: SearchSpace) -> None:
    for architecture in [space.smallest(), space.largest(), *(a for _, a in space.seeds())]:
        assert space.contains(architecture)
    assert len({a.digest for _, a in space.seeds()}) == len(space.seeds())


def test_same_seed_same_samples(space: SearchSpace) -> None:
    first, second = random.Random(7), random.Random(7)
    assert [space.sample(first) for _ in range(20)] == [space.sample(second) for _ in range(20)]


def test_size_counts_every_architecture_once() -> None:
    space = toy()
    names, choices = list(space.parameters), list(space.parameters.values())
    every = {space.decode(dict(zip(names, answers, strict=True))) for answers in itertools.product(*choices)}
    assert space.size() == len(every) == len({a.digest for a in every})


def test_sampling_reaches_every_point() -> None:
    space, rng = toy(), random.Random(0)
    small = space_from_document(schema.read(SpaceDocument, yaml.safe_load(TOY.replace("[1, 2]", "1"))))
    assert len({small.sample(rng) for _ in range(5000)}) == small.size()
    assert all(space.contains(space.sample(rng)) for _ in range(100))


def test_mobile_hybrid_holds_published_networks() -> None:
    space = load_space("mobile-hybrid")
    for name in ("mobilenetv2_100", "mobilenetv3_large_100", "efficientnet_b0"):
        assert space.contains(zoo_architecture(name))
    assert not space.contains(ZOO["mobilenetv2_100"](224, 10))


def test_first_block_can_change_shape(space: SearchSpace) -> None:
    rng = random.Random(3)
    for _ in range(50):
        assert all(stage[0].reshapes for stage in space.sample(rng).stages)


def test_all_problems_at_once() -> None:
    bad = (
        TOY.replace("kind: mbconv", "kind: mbcon")
        .replace("out_chs: 8}", "out_ch: 8}")
        .replace("kind: pool", "kind: pol")
    )
    with pytest.raises(UserError) as error:
        toy(bad)
    text = str(error.value)
    for part in (
        "$.stages[0].blocks[0].kind",
        "'mbconv'",
        "$.stem.out_ch",
        "did you mean 'out_chs'",
        "$.heads[0].kind",
    ):
        assert part in text


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(UserError, match=r"\$\.stages\[0\]\.strides: unknown key; did you mean 'stride'"):
        toy(TOY.replace("stride: 2", "strides: 2"))


def test_impossible_combination_is_refused_when_read() -> None:
    with pytest.raises(UserError, match="stride 2 needs"):
        toy(
            TOY.replace(
                "{kind: mbconv, kernel_size: [3, 5], exp_ratio: [2, 3]}",
                "{kind: uib, kernel_size: [0, 3], exp_ratio: [2, 3]}",
            )
        )


def test_what_only_the_first_block_of_a_stage_may_have_is_refused_when_read() -> None:
    ghost = TOY.replace("{kind: mbconv, kernel_size: [3, 5], exp_ratio: [2, 3]}", "{kind: ghost, kernel_size: [3, 5]}")
    with pytest.raises(UserError, match="kernel_size other than 3 needs stride 2"):
        toy(ghost)


def test_decode_names_the_wrong_answer() -> None:
    space = toy()
    params = {**space.encode(space.smallest()), "s0.depth": 9}
    with pytest.raises(UserError, match=r"s0\.depth is 9"):
        space.decode(params)


def test_unknown_space() -> None:
    with pytest.raises(UserError, match="tiny-hybrid"):
        load_space("tiny-hybrd")
