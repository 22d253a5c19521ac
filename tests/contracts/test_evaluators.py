"""What every evaluator keeps to; evaluators are found by themselves."""

import csv
import pickle
import random
from pathlib import Path

import pytest

from nas.errors import UserError
from nas.search.evaluate import run_evaluation
from nas.search.evaluators import DEFAULT, EVALUATORS, Order, Setting, evaluator_spec, read_order
from nas.search.evaluators.table import read_rows
from nas.space.space import SearchSpace, load_space
from nas.training.recipe import Recipe
from tests.small_run import write_colours

NAMES = pytest.mark.parametrize("name", EVALUATORS)
SPACE = """# A space for tests.
name: toy
description: a few dozen networks
resolution: [16]
stem: {out_chs: 8, act: relu}
stages:
  - {depth: [1, 2], out_chs: [8, 16], stride: 2, tied: [kernel_size], blocks: [
      {kind: mbconv, kernel_size: [3, 5], exp_ratio: [1, 2], act: relu}]}
heads: [{kind: pool}]
"""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    data = write_colours(tmp_path, noise=60, signal=150)
    (tmp_path / "toy.yaml").write_text(SPACE)
    space = load_space(str(tmp_path / "toy.yaml")).for_classes(3)
    recipe = Recipe(epochs=1, batch_size=16)
    return Setting(space, str(data), None, 0, recipe, weights_of(space, tmp_path))


def weights_of(space: SearchSpace, folder: Path) -> Path:
    """Save a supernet that was never trained: enough to score with."""
    from safetensors.torch import save_file

    from nas.model.supernet import Supernet

    path = folder / "supernet.safetensors"
    save_file({k: v.contiguous() for k, v in Supernet(space, seed=0).state_dict().items()}, path)
    return path


def order_of(name: str, setting: Setting) -> Order:
    """Return an order that is legal for the evaluator; a table is made for it."""
    if name != "table":
        return read_order(name)
    assert setting.weights is not None
    path = setting.weights.parent / "table.csv"
    rng = random.Random(0)
    space = setting.space
    rows = [{**space.encode(space.sample(rng)), "accuracy": i / 60} for i in range(60)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return read_order(f"table:{path}")


def test_the_default_is_an_evaluator() -> None:
    assert DEFAULT in EVALUATORS


@NAMES
def test_scores_are_numbers_that_repeat_and_cross_processes(name: str, setting: Setting) -> None:
    order = order_of(name, setting)
    spec = evaluator_spec(order, setting)
    assert pickle.loads(pickle.dumps(spec)).packed() == spec.packed()
    listed = EVALUATORS[name].listed
    rng = random.Random(1)
    space = setting.space
    drawn = listed(order, space, space).members if listed else [space.sample(rng) for _ in range(3)]
    first, again = (
        [run_evaluation(evaluator, a.to_dict()) for a in drawn[:3]] for evaluator in (spec.build(), spec.build())
    )
    assert [e.error for e in first] == [None] * 3
    assert [e.accuracy for e in first] == [e.accuracy for e in again]
    assert len({e.accuracy for e in first}) > 1 or name in ("supernet", "train")


def test_proxies_rank_the_larger_higher(setting: Setting) -> None:
    evaluator = evaluator_spec(Order("proxy", "params"), setting).build()
    small, large = (evaluator.evaluate(a.to_dict()) for a in (setting.space.smallest(), setting.space.largest()))
    assert 0 < small < 0.5 < large < 1


def test_a_table_gives_what_stands_in_it_last(setting: Setting) -> None:
    order = order_of("table", setting)
    assert order.detail is not None
    rows = read_rows(Path(order.detail), setting.space)
    evaluator = evaluator_spec(order, setting).build()
    assert len({row.digest for row in rows}) == len(rows)
    for row in rows:
        assert row.architecture is not None
        assert evaluator.evaluate(row.architecture.to_dict()) == row.accuracy


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("digest,accuracy\nabc,1.5\n", "line 2: accuracy must be from 0 to 1"),
        ("digest\nabc\n", "no column 'accuracy'"),
        ("accuracy\n0.5\n", "line 2: no column 's0.depth'"),
        ("digest,accuracy\n", "holds no architecture"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(setting: Setting, tmp_path: Path, text: str, hint: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=hint):
        read_rows(path, setting.space)
