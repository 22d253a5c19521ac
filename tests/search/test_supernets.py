"""The cache of supernets: a key for everything that the weights depend on."""

from dataclasses import replace

import pytest

from nas.data import load_data
from nas.search.supernets import supernet_key
from nas.space.options import Family
from nas.space.space import SearchSpace, load_space
from nas.training.recipe import Recipe

RECIPE = Recipe(epochs=1)


@pytest.fixture(scope="module")
def data():
    return load_data("digits", resolution=32)


def with_field(space: SearchSpace, kind: str, name: str, values: tuple) -> SearchSpace:
    def changed(family: Family) -> Family:
        return replace(family, fields={**family.fields, name: values}) if family.kind == kind else family

    stages = (replace(s, families=tuple(changed(f) for f in s.families)) for s in space.stages)
    return replace(space, stages=tuple(stages))


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [("mobile_attention", "head_dim", (32,)), ("transformer", "act", ("silu",)), ("mbconv", "kernel_size", (3, 7))],
)
def test_every_field_of_the_space_counts(data, kind, name, values) -> None:
    space = load_space("tiny-hybrid").for_classes(10)
    assert supernet_key(with_field(space, kind, name, values), data, RECIPE) != supernet_key(space, data, RECIPE)


def test_classes_recipe_and_data_count_and_names_do_not(data) -> None:
    space = load_space("tiny-hybrid").for_classes(10)
    key = supernet_key(space, data, RECIPE)
    assert supernet_key(space.for_classes(11), data, RECIPE) != key
    assert supernet_key(space, data, replace(RECIPE, seed=1)) != key
    assert supernet_key(space, replace(data, digest="other"), RECIPE) != key
    assert supernet_key(replace(space, name="other", description="other"), data, RECIPE) == key


def test_a_field_that_a_family_gained_later_counts_only_where_it_says_something(data) -> None:
    space = load_space("tiny-hybrid").for_classes(10)
    key = supernet_key(space, data, RECIPE)
    gained = ("rank", "norm")
    without = [{n: v for n, v in f.fields.items() if n not in gained} for s in space.stages for f in s.families]
    made = iter(without)
    stages = (replace(s, families=tuple(replace(f, fields=next(made)) for f in s.families)) for s in space.stages)
    stem = {n: v for n, v in space.stem.items() if n != "norm"}
    assert supernet_key(replace(space, stages=tuple(stages), stem=stem), data, RECIPE) == key
    assert supernet_key(with_field(space, "mbconv", "rank", (1.0, 0.5)), data, RECIPE) != key
    assert supernet_key(with_field(space, "mbconv", "norm", ("layer",)), data, RECIPE) != key
    assert supernet_key(replace(space, stem={**space.stem, "norm": ("layer",)}), data, RECIPE) != key
