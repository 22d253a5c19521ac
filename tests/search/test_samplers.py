import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import toy

from nas.errors import UserError
from nas.search.evaluate import FunctionSpec
from nas.search.inline import InlineExecutor
from nas.search.objective import Constraints
from nas.search.samplers import SAMPLERS, Task, make_sampler
from nas.search.samplers.evolution import crowding
from nas.search.study import Study

HERE = Path(__file__).parent
NAMES = pytest.mark.parametrize("name", SAMPLERS)


def digests(name, seed, evaluations=45):
    study = Study(toy.ToySpace(), Constraints(latency_ms=1.1), toy.cost, sampler_name=name, seed=seed)
    InlineExecutor().run(study, FunctionSpec("toy:accuracy"), evaluations, lambda _: None, lambda: False)
    return [c.digest for c in study.candidates]


@NAMES
def test_the_same_seed_proposes_the_same_in_another_process(name):
    here = digests(name, 3)
    code = f"import test_samplers; print(test_samplers.digests({name!r}, 3))"
    path = os.pathsep.join([str(HERE), *sys.path])
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == str(here)


@NAMES
def test_another_seed_proposes_something_else(name):
    assert digests(name, 3, 25) != digests(name, 4, 25)


@NAMES
def test_proposals_are_answers_to_every_question(name):
    space = toy.ToySpace()
    study = optuna.create_study(
        directions=("maximize", "minimize"), sampler=make_sampler(name, Task(space, toy.cost, Constraints()), 0)
    )
    for _ in range(25):
        trial = study.ask({n: optuna.distributions.CategoricalDistribution(v) for n, v in space.parameters.items()})
        assert set(trial.params) == set(space.parameters)
        metrics = toy.cost(space.decode(trial.params))
        study.tell(trial, [toy.accuracy(space.decode(trial.params).to_dict()), metrics.macs])


def test_unknown_sampler_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'nsga2'"):
        make_sampler("nsga-2", Task(toy.ToySpace(), toy.cost, Constraints()), 0)


def test_crowding_prefers_the_lonely_and_the_ends():
    room = crowding([(0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (0.9, 0.9), (1.0, 1.0)])
    assert room[0] == room[4] == float("inf")
    assert room[1] < room[2]
    assert crowding([(0.5, 0.5)]) == [float("inf")]
