import pickle

import pytest
import toy

from nas.errors import UserError
from nas.search.evaluate import Evaluation, FunctionSpec, run_evaluation

ARCHITECTURE = {"layers": [[4, 3], [2, 5]]}


def evaluate(path):
    return run_evaluation(FunctionSpec(path).build(), ARCHITECTURE)


def test_success():
    done = evaluate("toy:accuracy")
    assert done.accuracy == toy.accuracy(ARCHITECTURE)
    assert done.error is None
    assert done.seconds >= 0


def test_failures_are_data_on_one_line():
    done = evaluate("toy:failing")
    assert (done.accuracy, done.error) == (None, "RuntimeError: no memory left")


def test_nan_is_a_failure_with_a_reason():
    assert evaluate("toy:not_a_number").error == "accuracy is not a number"


def test_percent_is_refused():
    class Percent:
        def evaluate(self, architecture):
            return 95.0

    assert "not within 0 and 1" in run_evaluation(Percent(), ARCHITECTURE).error


def test_ctrl_c_is_not_swallowed():
    class Interrupted:
        def evaluate(self, architecture):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_evaluation(Interrupted(), ARCHITECTURE)


@pytest.mark.parametrize("path", ["toy:none", "no_such_module:f", "", "toy"])
def test_a_wrong_import_path_is_a_user_error(path):
    with pytest.raises(UserError, match="cannot be imported"):
        FunctionSpec(path).build()


def test_specs_and_results_cross_processes():
    spec = FunctionSpec("toy:accuracy")
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec.packed() == spec
    done = Evaluation(0.5, None, 1.0)
    assert Evaluation.from_dict(done.to_dict()) == done
