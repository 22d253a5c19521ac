"""What a long search remembers: bounded, with everything of the front, and the same however it got there."""

import optuna
import toy

from nas.search.objective import Constraints
from nas.search.samplers import Task, make_sampler


def finished(count: int) -> tuple[Task, optuna.Study]:
    space = toy.ToySpace()
    task = Task(space, toy.cost, Constraints())
    study = optuna.create_study(
        directions=("maximize", "minimize"), sampler=make_sampler("random", task, 0), storage=None
    )
    for _ in range(count):
        trial = study.ask(task.encoding.distributions)
        architecture = space.decode(trial.params)
        study.tell(trial, [toy.accuracy(architecture.to_dict()), toy.cost(architecture).macs])
    return task, study


def test_few_are_all_remembered() -> None:
    task, study = finished(100)
    history = task.memory.history(task, study, 100)
    assert len(history.points) == history.evaluated == history.number == 100


def test_of_many_the_front_and_the_latest_are_remembered() -> None:
    task, study = finished(600)
    history = task.memory.history(task, study, 600)
    assert history.evaluated == 600
    assert len(history.points) <= 250
    kept = {tuple(p.params.values()) for p in history.points}
    trials = study.get_trials(deepcopy=False)
    assert {tuple(t.params.values()) for t in trials[-50:]} <= kept
    best = {(t.values[0], t.values[1]) for t in study.best_trials}
    assert best <= {(accuracy, cost) for accuracy, cost in history.scores}
    assert best == {history.scores[i] for i in history.front}


def test_what_is_remembered_does_not_depend_on_when_it_was_asked_for() -> None:
    task, study = finished(300)
    at_once = task.memory.history(task, study, 300)
    other, again = finished(0)
    for trial in study.get_trials(deepcopy=False):
        again.add_trial(trial)
        other.memory.history(other, again, trial.number + 1)
    step_by_step = other.memory.history(other, again, 300)
    assert [p.params for p in step_by_step.points] == [p.params for p in at_once.points]
