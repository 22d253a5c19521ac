"""Which precision candidates are scored in."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.errors import UserError
from nas.jobs.search import start
from nas.search.defaults import Wishes, plan
from nas.search.watch import Silent


def test_the_target_decides_unless_the_user_does(toy_wishes: Wishes) -> None:
    coral = replace(toy_wishes, target="coral-edgetpu")
    assert plan(toy_wishes).precision == "float"
    assert plan(coral).precision == "int8"
    assert plan(replace(coral, precision="float")).precision == "float"
    assert plan(replace(toy_wishes, precision="int8")).precision == "int8"


def test_what_cannot_be_scored_in_integers_is_refused(toy_wishes: Wishes) -> None:
    with pytest.raises(UserError, match="--precision int8 goes with --evaluator supernet"):
        plan(replace(toy_wishes, precision="int8", evaluator="proxy", supernet_epochs=None))
    with pytest.raises(UserError, match="precision 'int4'"):
        plan(replace(toy_wishes, precision="int4"))


def test_finalists_tell_both_precisions(toy_wishes: Wishes, tmp_path: Path) -> None:
    wishes = replace(toy_wishes, target="coral-edgetpu", evaluations=3, finalists=1, supernet_epochs=1, final_seeds=2)
    result = start(wishes, runs_dir=tmp_path, name="run", watch=Silent()).result
    winner = result["winner"]
    assert result["precision"] == "int8"
    assert set(winner["test_accuracy_by_precision"]) == {"int8", "float"}
    assert winner["test_accuracy"] == winner["test_accuracy_by_precision"]["int8"]
    assert len(winner["test_accuracies"]) == 2
    assert {"text", "points", "noise_points", "macs_ratio", "latency_ratio"} <= set(result["verdict"])
