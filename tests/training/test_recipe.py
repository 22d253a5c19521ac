from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from nas import schema
from nas.data import load_data
from nas.errors import UserError
from nas.training.recipe import Recipe, default_recipe


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"weight_decay": -0.1},
        {"warmup_fraction": 1.5},
        {"label_smoothing": -0.1},
        {"grad_clip": 0.0},
        {"ema_decay": 1.0},
        {"distill_weight": 2.0},
        {"distill_temperature": 0.0},
        {"distill_divergence": "beta"},
    ],
)
def test_impossible_values_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(Recipe(), **wrong)


def test_a_recipe_survives_plain_data() -> None:
    recipe = Recipe(epochs=3, ema_decay=0.99, optimizer="sgd")
    assert schema.read(Recipe, schema.to_dict(recipe)) == recipe
    with pytest.raises(UserError, match="optimizer"):
        schema.read(Recipe, {"optimizer": "adam"})


def test_the_default_follows_the_size_of_the_data() -> None:
    small = load_data("digits", resolution=16)
    large = dataclasses.replace(small, train=small.train.take(small.train.labels.repeat(10)))
    assert default_recipe(large).epochs < default_recipe(small).epochs
    assert default_recipe(small, seed=3).seed == 3
    assert default_recipe(large).smoke().epochs == 1
