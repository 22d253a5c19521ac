import os
import signal

import pytest
import toy

from nas.errors import InfeasibleError, NasError, UserError
from nas.runs import RunDirectory
from nas.search.evaluate import FunctionSpec
from nas.search.inline import InlineExecutor
from nas.search.objective import Constraints
from nas.search.stopping import stopping
from nas.search.study import Study

SPEC = FunctionSpec("toy:accuracy")


LIMIT = Constraints(latency_ms=1.0)


def study(constraints=LIMIT, **more):
    return Study(more.pop("space", toy.ToySpace()), constraints, toy.cost, **more)


def run(this, evaluations=10, spec=SPEC, on_result=lambda _: None, should_stop=lambda: False):
    return InlineExecutor().run(this, spec, evaluations, on_result, should_stop)


def test_runs_until_enough_are_evaluated():
    this, seen = study(), []
    assert run(this, 12, on_result=seen.append) == "finished"
    assert this.counts.evaluated == len(seen) == 12
    assert all(c.metrics.accuracy == toy.accuracy(c.architecture.to_dict()) for c in seen)


def test_evaluations_count_what_was_there_before(tmp_path):
    with RunDirectory.create(tmp_path, "run") as run_dir:
        run(study(run_dir=run_dir), 8)
        seen = []
        assert run(study(run_dir=run_dir), 10, on_result=seen.append) == "finished"
        assert len(seen) == 2
        assert run(study(run_dir=run_dir), 10, on_result=seen.append) == "finished"
        assert len(seen) == 2


def test_stops_when_asked_to():
    this = study()
    assert run(this, 50, should_stop=lambda: this.counts.evaluated >= 4) == "stopped"
    assert this.counts.evaluated == 4


def test_says_when_the_space_is_exhausted():
    this = study(Constraints(), space=toy.ToySpace(depths=(1,), widths=(1, 2)))
    assert run(this, 50) == "exhausted"
    assert this.counts.evaluated == 6


def test_single_failures_are_part_of_a_search():
    this = study(Constraints())
    assert run(this, 40, FunctionSpec("toy:failing_when_deep")) == "finished"
    assert this.counts.failed > 0
    assert this.counts.evaluated + this.counts.failed == 40
    assert {c.error for c in this.candidates if c.state == "failed"} == {"RuntimeError: too deep"}


def test_a_broken_evaluator_ends_the_search_soon():
    this = study()
    with pytest.raises(NasError, match="first 5 evaluations failed; the last one: RuntimeError: no memory left"):
        run(this, 100, FunctionSpec("toy:failing"))


def test_errors_of_the_user_pass_through():
    with pytest.raises(InfeasibleError):
        run(study(Constraints(latency_ms=0.001)))
    with pytest.raises(UserError, match="cannot be imported"):
        run(study(), spec=FunctionSpec("toy:none"))


class InterruptedSpec:
    """Presses Ctrl-C in the fourth evaluation, once or twice."""

    def __init__(self, presses):
        self.calls, self.presses = 0, presses

    def build(self):
        return self

    def packed(self):
        return self

    def evaluate(self, architecture):
        self.calls += 1
        if self.calls == 4:
            for _ in range(self.presses):
                os.kill(os.getpid(), signal.SIGINT)
        return toy.accuracy(architecture)


def test_ctrl_c_once_finishes_the_evaluation_that_runs():
    this, before, said = study(), signal.getsignal(signal.SIGINT), []
    with stopping(said.append) as asked:
        assert run(this, 50, InterruptedSpec(1), should_stop=asked) == "stopped"
    assert this.counts.evaluated == 4
    assert asked()
    assert "Ctrl-C again stops now" in said[0]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_twice_drops_it_and_keeps_what_is_finished():
    this = study()
    with pytest.raises(KeyboardInterrupt), stopping(lambda _: None) as asked:
        run(this, 50, InterruptedSpec(2), should_stop=asked)
    assert this.counts.evaluated == 3
