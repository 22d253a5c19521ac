import os
import signal

import pytest
import toy

from nas.errors import InfeasibleError, NasError, UserError
from nas.runs import RunDirectory
from nas.search.evaluate import FunctionSpec
from nas.search.inline import InlineExecutor
from nas.search.objective import Constraints
from nas.search.ray_executor import RayExecutor
from nas.search.stopping import stopping
from nas.search.study import Study

LIMIT = Constraints(latency_ms=1.0)
SPEC = FunctionSpec("toy:accuracy")

pytestmark = pytest.mark.usefixtures("ray_session")


def study(constraints=LIMIT, **more):
    return Study(more.pop("space", toy.ToySpace()), constraints, toy.cost, **more)


def run(this, evaluations, spec=SPEC, on_result=lambda _: None, should_stop=lambda: False, workers=2):
    return RayExecutor(workers=workers).run(this, spec, evaluations, on_result, should_stop)


def test_workers_are_reused_and_results_are_right(tmp_path):
    this, seen = study(), []
    notes = tmp_path / "notes"
    assert run(this, 20, toy.NotedSpec(str(notes)), seen.append) == "finished"
    assert this.counts.evaluated == len(seen) == 20
    assert this.pending == 0
    assert all(c.metrics.accuracy == toy.accuracy(c.architecture.to_dict()) for c in seen)
    processes = notes.read_text().split()
    assert 1 <= len(processes) <= 2
    assert str(os.getpid()) not in processes


def test_one_worker_equals_the_inline_executor():
    here, there = study(), study()
    InlineExecutor().run(here, SPEC, 25, lambda _: None, lambda: False)
    run(there, 25, workers=1)
    assert [c.digest for c in here.candidates] == [c.digest for c in there.candidates]


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_once_finishes_what_runs_and_twice_loses_nothing_finished(tmp_path, presses):
    seen = []

    def interrupt(candidate):
        seen.append(candidate)
        if len(seen) == 6:
            for _ in range(presses):
                os.kill(os.getpid(), signal.SIGINT)

    with RunDirectory.create(tmp_path, "run") as run_dir:
        this = study(run_dir=run_dir)
        with stopping(lambda _: None) as asked:
            if presses == 1:
                assert run(this, 40, on_result=interrupt, should_stop=asked) == "stopped"
                assert this.pending == 0
            else:
                with pytest.raises(KeyboardInterrupt):
                    run(this, 40, on_result=interrupt, should_stop=asked)
        resumed = study(run_dir=run_dir)
        assert [c.digest for c in resumed.candidates if c.state == "complete"] == [c.digest for c in seen]
        assert run(resumed, 12) == "finished"
        assert resumed.counts.evaluated == 12


@pytest.mark.slow
def test_a_worker_that_dies_fails_its_candidate_alone():
    wide = toy.ToyArchitecture(((6, 7),))
    this = study(Constraints(), seeds=[("wide", wide)])
    assert run(this, 4, FunctionSpec("toy:killed_when_wide")) == "finished"
    failed = {c.source: c.error for c in this.candidates if c.state == "failed"}
    assert "worker was lost 3 times" in failed["seed:wide"]
    assert this.counts.evaluated >= 1


@pytest.mark.slow
def test_errors_come_through_as_they_are():
    with pytest.raises(NasError, match="first 5 evaluations failed; the last one: RuntimeError: no memory left"):
        run(study(), 50, FunctionSpec("toy:failing"))
    with pytest.raises(UserError, match=r"a worker cannot evaluate: .*cannot be imported"):
        run(study(), 50, FunctionSpec("toy:none"))
    with pytest.raises(InfeasibleError):
        run(study(Constraints(latency_ms=0.001)), 50)
    with pytest.raises(UserError, match="no worker fits: each needs 64 CPUs"):
        RayExecutor(cpus_per_worker=64).run(study(), SPEC, 5, lambda _: None, lambda: False)


@pytest.mark.slow
def test_it_stops_when_asked_and_when_nothing_is_left():
    this = study()
    assert run(this, 50, should_stop=lambda: this.counts.evaluated >= 3) == "stopped"
    assert 3 <= this.counts.evaluated <= 5
    small = study(Constraints(), space=toy.ToySpace(depths=(1,), widths=(1, 2)))
    assert run(small, 50) == "exhausted"
    assert small.counts.evaluated == 6
