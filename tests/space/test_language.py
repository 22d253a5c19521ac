"""What a space's file can say: every feature counted against enumeration, every mistake with its place."""

import itertools
import random

import pytest
import yaml

from nas import schema
from nas.errors import UserError
from nas.model.supernet import Supernet
from nas.space.architecture import Architecture
from nas.space.document import SpaceDocument
from nas.space.space import SearchSpace, space_from_document


def space(stages: str, *, top: str = "", stem: str = "{out_chs: 8}", heads: str = "[{kind: pool}]") -> SearchSpace:
    text = f"{{name: toy, description: small, resolution: 16, stem: {stem}, stages: [{stages}], heads: {heads}{top}}}"
    return space_from_document(schema.read(SpaceDocument, yaml.safe_load(text)))


def complaint(stages: str, **more: str) -> str:
    with pytest.raises(UserError) as error:
        space(stages, **more)
    return str(error.value)


def every_point(of: SearchSpace) -> set[Architecture]:
    names, choices = list(of.parameters), list(of.parameters.values())
    return {of.decode(dict(zip(names, answers, strict=True))) for answers in itertools.product(*choices)}


ACT = "act: [relu, relu6]"
SMALL = {
    "ranges": space(
        "{depth: {from: 1, to: 2, step: 1}, out_chs: {from: 10, to: 24, multiple_of: 8}, blocks: ["
        "{kind: mbconv, exp_ratio: {from: 1, to: 2, step: 1}}]}"
    ),
    "multiples": space(
        "{depth: 1, out_chs: {from: 8, to: 30}, blocks: [{kind: conv}]}, "
        "{depth: 1, out_chs: [12, 16], multiple_of: 4, blocks: [{kind: conv}]}",
        top=", multiple_of: 8",
        heads="[{kind: conv_pool, features: {from: 1, to: 40}}]",
    ),
    "alternatives": space(
        "{depth: [1, 2], out_chs: 8, blocks: [{kind: mbconv, act: [relu, silu], any_of: ["
        "{kernel_size: 3, exp_ratio: [4, 6]}, {kernel_size: 5, exp_ratio: [2, 3]}]}, {kind: conv}]}"
    ),
    "nested alternatives": space(
        "{depth: 1, out_chs: 8, blocks: [{any_of: [{kind: conv, kernel_size: [1, 3]}, {kind: mbconv, any_of: ["
        "{exp_ratio: 2, kernel_size: [3, 5]}, {exp_ratio: 3, kernel_size: [5, 7]}]}]}]}"
    ),
    "positions": space(
        "{depth: [1, 2, 3], out_chs: 16, stride: 2, blocks: [{kind: conv}], "
        "first: [{kind: uib, start_kernel_size: [0, 3], kernel_size: [3, 5]}], "
        "rest: [{kind: uib, kernel_size: [0, 3]}]}"
    ),
    "positions, kind tied": space(
        "{depth: [1, 3], out_chs: 16, tied: [kind], first: [{kind: ghost, exp_ratio: [2, 3]}], "
        "rest: [{kind: transformer, num_heads: [2, 4]}], blocks: [{kind: conv}, {kind: mbconv, exp_ratio: [2, 3]}]}"
    ),
    "tied in a stage": space(
        "{depth: [1, 2], out_chs: [8, 16], tied: [kernel_size], blocks: [{kind: mbconv, kernel_size: [3, 5], any_of: ["
        f"{{exp_ratio: 2, {ACT}}}, {{exp_ratio: 3}}]}}, {{kind: conv, kernel_size: [1, 3]}}]}}"
    ),
    "tied in the space": space(
        f"{{depth: [1, 2], out_chs: 16, blocks: [{{kind: conv, {ACT}}}, {{kind: mbconv, exp_ratio: [2, 3]}}]}}, "
        f"{{depth: 1, out_chs: 16, tied: [act], blocks: [{{kind: conv, {ACT}}}, {{kind: ghost}}]}}",
        top=", tied: [act]",
        heads=f"[{{kind: pool}}, {{kind: conv_pool, features: [16, 32], {ACT}}}]",
    ),
    "two ties in the space": space(
        f"{{depth: [1, 2], out_chs: 16, tied: [kind], blocks: [{{kind: conv, {ACT}, kernel_size: [3, 5]}}, "
        "{kind: mbconv, kernel_size: [3, 5]}, {kind: transformer, num_heads: [2, 4]}]}",
        top=", tied: [act, kernel_size]",
        stem=f"{{out_chs: [8, 16], {ACT}}}",
    ),
    "rounded": space(
        "{depth: [1, 2], out_chs: [8, 16], blocks: [{kind: mbconv, exp_ratio: [1, 2.3, 4]}, "
        "{kind: ghost, exp_ratio: {from: 1.3, to: 3.3, step: 1}}]}"
    ),
}

each = pytest.mark.parametrize("name", SMALL)


@each
def test_it_is_counted_exactly(name: str) -> None:
    points = every_point(SMALL[name])
    assert SMALL[name].size() == len(points) == len({a.digest for a in points}) > 3


@each
def test_encodings_are_flat_and_complete(name: str) -> None:
    small = SMALL[name]
    for architecture in every_point(small):
        params = small.encode(architecture)
        assert set(params) == set(small.parameters)
        assert all(params[question] in values for question, values in small.parameters.items())
        assert small.decode(params) == architecture


@each
def test_children_stay_inside_and_samples_are_everything(name: str) -> None:
    small, rng = SMALL[name], random.Random(0)
    points = every_point(small)
    assert {small.sample(rng) for _ in range(60 * len(points))} == points
    parents = sorted(points, key=lambda a: a.digest)
    assert all(small.crossover(rng.choice(parents), rng.choice(parents), rng) in points for _ in range(300))


@each
def test_one_supernet_holds_all(name: str) -> None:
    supernet = Supernet(SMALL[name])
    points = sorted(every_point(SMALL[name]), key=lambda a: a.digest)
    for architecture in random.Random(0).sample(points, 4):
        assert supernet.weights(architecture)


def test_a_tie_over_the_space_is_one_question() -> None:
    tied = SMALL["tied in the space"]
    assert [question for question in tied.parameters if question.endswith("act")] == ["act"]
    acts = ({b.act for stage in a.stages for b in stage if b.kind == "conv"} for a in every_point(tied))
    assert all(len(found) <= 1 for found in acts)


def test_a_later_form_of_a_block_may_be_one_that_cannot_open_a_stage() -> None:
    later = {b.kernel_size for a in every_point(SMALL["positions"]) for b in a.stages[0][1:] if b.kind == "uib"}
    assert later == {0, 3}


def test_kinds_of_seeds_stand_for_all_their_entries() -> None:
    made = space(
        "{depth: 2, out_chs: 16, first: [{kind: mbconv, kernel_size: 5}], rest: [{kind: conv}, {kind: mbconv, any_of: ["
        "{kernel_size: 3, act: [relu, silu]}, {kernel_size: 5}]}]}",
        top=", seeds: {a: {kind: [mbconv], mbconv.act: silu}, b: {kind: [mbconv-2]}}",
    )
    seeds = dict(made.seeds())
    assert [(b.kind, b.kernel_size, b.act) for b in seeds["a"].stages[0]] == [
        ("mbconv", 5, "relu"),
        ("mbconv", 3, "silu"),
    ]
    assert [b.kernel_size for b in seeds["b"].stages[0]] == [5, 5]


@pytest.mark.parametrize(
    ("stages", "part"),
    [
        ("{depth: 1, out_chs: 8, blocks: [{kind: conv}, {kind: conv}]}", "conv and conv-2 make the same network"),
        (
            "{depth: 1, out_chs: 8, blocks: [{kind: mbconv, exp_ratio: [2, 3]}, {kind: mbconv, exp_ratio: [3, 4]}]}",
            "mbconv exp_ratio 3 and mbconv-2 exp_ratio 3 make the same network (8 channels in, 8 out)",
        ),
        (
            "{depth: 1, out_chs: 8, blocks: [{kind: mbconv, exp_ratio: [2.5, 3]}]}",
            "$.stages[0]: opening with mbconv exp_ratio 2.5 and mbconv exp_ratio 3 make the same network",
        ),
        (
            "{depth: 2, out_chs: 8, first: [{kind: conv}], rest: [{kind: transformer, window_size: [0, 8]}]}",
            "after the first, transformer window_size 0 and transformer window_size 8",
        ),
        ("{depth: 1, out_chs: 8, first: [{kind: conv}], rest: [{kind: conv}]}", "$.stages[0].rest: no block follows"),
        ("{depth: 2, out_chs: 8, first: [{kind: conv}]}", "$.stages[0].rest: no kind may follow the first"),
        ("{depth: 2, out_chs: 8, rest: [{kind: conv}]}", "needs a kind that can open a stage"),
        ("{depth: 1, out_chs: 8, first: [{kind: conv}, {kind: transformer}]}", "transformer cannot open a stage"),
        ("{depth: 1, out_chs: 8, blocks: [{kind: conv, any_of: []}]}", "$.stages[0].blocks[0].any_of: expected a list"),
        (
            "{depth: 1, out_chs: 8, blocks: [{kind: conv, any_of: [{kind: mbconv}]}]}",
            "any_of[0].kind: is given outside",
        ),
        (
            "{depth: 1, out_chs: 8, blocks: [{kind: conv, any_of: [{kernel: 3}, {kernel_size: 5}]}]}",
            "$.stages[0].blocks[0].any_of[0].kernel: unknown key; did you mean 'kernel_size'",
        ),
        (
            "{depth: 1, out_chs: 8, tied: [act], blocks: [{kind: conv, any_of: ["
            "{kernel_size: 3, act: [relu, silu]}, {kernel_size: 5}]}]}",
            "act is tied: every conv of the stage needs the same choices",
        ),
        ("{depth: 1, out_chs: {from: 8, to: 20, stp: 4}, blocks: [{kind: conv}]}", "$.stages[0].out_chs.stp"),
        ("{depth: 1, out_chs: 12, multiple_of: 8, blocks: [{kind: conv}]}", "12 is no multiple of 8; nearest: 8, 16"),
        ("{depth: [], out_chs: 8, blocks: [{kind: conv}]}", "$.stages[0].depth"),
    ],
)
def test_mistakes(stages: str, part: str) -> None:
    assert part in complaint(stages)


def test_mistakes_of_ties_over_the_space() -> None:
    stage = "{depth: 1, out_chs: 8, blocks: [{kind: conv, act: [relu, silu]}]}"
    assert "did you mean 'act'" in complaint(stage, top=", tied: [acts]")
    wrong = complaint(stage, top=", tied: [act]", stem="{out_chs: 8, act: [relu, relu6]}")
    assert "$.tied: act needs the same choices wherever it has several, but has [relu, relu6] or [relu, silu]" in wrong


def test_all_mistakes_are_told_together() -> None:
    wrong = complaint(
        "{depth: 0, out_chs: 12, blocks: [{kind: mbcon}]}, "
        "{depth: {from: 1, to: 2}, out_chs: 8, blocks: [{kind: conv}]}",
        top=", multiple_of: 8",
    )
    for part in (
        "4 problems",
        "$.stages[0].depth",
        "$.stages[0].out_chs",
        "did you mean 'mbconv'",
        "$.stages[1].depth",
    ):
        assert part in wrong
