"""What every shipped search space keeps to; spaces are found by themselves."""

import functools
import random
from dataclasses import replace

import pytest
import torch

from nas.blocks import Block
from nas.cost.cost import CostModel
from nas.model.folding import folded
from nas.model.network import build, count_params
from nas.resources import shipped_dir
from nas.space.architecture import Architecture
from nas.space.canonical import fingerprint
from nas.space.document import FOLDER, describe_spaces, space_names
from nas.space.space import SearchSpace, load_space

SPACES = pytest.mark.parametrize("name", space_names())


def sampled(space: SearchSpace, count: int, seed: int = 0) -> list[Architecture]:
    rng = random.Random(seed)
    return [space.sample(rng) for _ in range(count)]


def runs(architecture: Architecture) -> bool:
    network = build(architecture, seed=0).eval()
    with torch.no_grad():
        logits = network(torch.randn(1, 3, architecture.resolution, architecture.resolution))
    return logits.shape == (1, architecture.num_classes) and bool(logits.isfinite().all())


def test_there_are_spaces() -> None:
    assert {"tiny-hybrid", "mobile-hybrid"} <= set(space_names())


@SPACES
def test_its_file_opens_with_three_lines_about_itself(name: str) -> None:
    lines = (shipped_dir(FOLDER) / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[:4]
    assert all(line.startswith("# ") and len(line) > 20 for line in lines[:3])
    assert "nas search" in lines[1]
    assert not lines[3].startswith("#")


@SPACES
def test_it_is_called_as_its_file(name: str) -> None:
    space = load_space(name)
    assert space.name == name
    assert name in [row["name"] for row in describe_spaces()]
    assert space.size() > 1000


def keeps_its_promises(space: SearchSpace, count: int, *, built: int, run: int) -> None:
    """Draw architectures: each is a member and has its own digest.

    The blocks of the first `built` are told apart by their modules; those of the first `run` are what they say.
    """
    known: dict[str, Architecture] = {}
    described: dict[object, tuple[object, Architecture]] = {}
    for number, architecture in enumerate(sampled(space, count)):
        params = space.encode(architecture)
        assert set(params) == set(space.parameters)
        assert space.decode(params) == architecture
        assert replace(architecture) == architecture  # canonical descriptions stay as they are
        assert known.setdefault(architecture.digest, architecture) == architecture
        for (path, in_chs, block), (chs, _) in zip(architecture.blocks(), architecture.inputs(), strict=True):
            assert in_chs == chs
            if number < built:
                key = (in_chs, made(block, in_chs))
                other, where = described.setdefault(key, (block, architecture))
                assert other == block, f"{path}: {other} of {where.digest} and {block} of {architecture.digest}"
            if number < run:
                assert gives(block, in_chs) == (1, block.out_chs, 8 // block.stride, 8 // block.stride)


@functools.cache
def made(block: Block, in_chs: int) -> object:
    """Build a block without weights; return all that tells it from others."""
    with torch.device("meta"):
        return fingerprint(block.build(in_chs))


@functools.cache
def gives(block: Block, in_chs: int) -> tuple[int, ...]:
    """Run a block without weights on a map of 8 x 8; return the shape of what comes out."""
    with torch.device("meta"):
        return tuple(block.build(in_chs).eval()(torch.empty(1, in_chs, 8, 8)).shape)


@SPACES
def test_samples_are_members_and_each_network_has_one_description(name: str) -> None:
    keeps_its_promises(load_space(name).for_classes(7), 300, built=8, run=8)


@pytest.mark.slow
@SPACES
def test_ten_thousand_samples_too(name: str) -> None:
    keeps_its_promises(load_space(name).for_classes(7), 10_000, built=10_000, run=200)


@SPACES
def test_files_name_the_same_network(name: str) -> None:
    for architecture in sampled(load_space(name), 30):
        assert Architecture.from_json(architecture.to_json()) == architecture
        assert Architecture.from_json(architecture.to_json()).digest == architecture.digest


@SPACES
def test_every_answer_of_the_encoding_makes_an_architecture(name: str) -> None:
    space, rng = load_space(name), random.Random(0)
    for _ in range(30):
        params = {question: rng.choice(values) for question, values in space.parameters.items()}
        architecture = space.decode(params)
        again = space.encode(architecture)
        assert space.decode(again) == architecture
        assert space.encode(space.decode(again)) == again


@SPACES
def test_the_same_seed_draws_the_same(name: str) -> None:
    space = load_space(name)
    assert sampled(space, 10, seed=5) == sampled(space, 10, seed=5)
    assert sampled(space, 10, seed=5) != sampled(space, 10, seed=6)


@SPACES
def test_children_are_members(name: str) -> None:
    space, rng = load_space(name), random.Random(1)
    parents = sampled(space, 6)
    for first, second in zip(parents, parents[1:], strict=False):
        assert space.contains(space.crossover(first, second, rng))


@SPACES
def test_seeds_are_members_with_names_of_their_own(name: str) -> None:
    space = load_space(name)
    seeds = dict(space.seeds())
    assert len(seeds) >= 3
    assert len({a.digest for a in seeds.values()}) == len(seeds)
    assert all(space.contains(architecture) for architecture in seeds.values())


@SPACES
def test_two_samples_run(name: str) -> None:
    space = load_space(name).for_classes(4)
    smallest = replace(space.smallest(), resolution=min(space.resolutions))
    assert all(runs(a) for a in (smallest, *sampled(space, 1)))


@pytest.mark.slow
@SPACES
def test_many_samples_the_seeds_and_the_extremes_run(name: str) -> None:
    space = load_space(name).for_classes(4)
    for architecture in (space.largest(), *(a for _, a in space.seeds()), *sampled(space, 15, seed=2)):
        assert runs(architecture)


@SPACES
def test_its_largest_costs_more_than_its_smallest(name: str) -> None:
    space, costs = load_space(name), CostModel()
    for seed in range(3):
        small, large = space.smallest(random.Random(seed)), space.largest(random.Random(seed))
        assert costs.cost(small).macs < costs.cost(large).macs
        assert costs.cost(small).params < costs.cost(large).params


@SPACES
def test_costs_are_those_of_the_network(name: str) -> None:
    for architecture in sampled(load_space(name), 2):
        with torch.device("meta"):
            assert CostModel().cost(architecture).params == count_params(folded(build(architecture)))


@SPACES
def test_dropping_a_stages_last_block_never_costs_more(name: str) -> None:
    costs = CostModel()
    for architecture in sampled(load_space(name), 10):
        for i, stage in enumerate(architecture.stages):
            if len(stage) > 1:
                stages = (*architecture.stages[:i], stage[:-1], *architecture.stages[i + 1 :])
                shallower = costs.cost(replace(architecture, stages=stages))
                assert shallower.macs < costs.cost(architecture).macs
                assert shallower.params < costs.cost(architecture).params
