"""Predicted beside measured: the figures, and plain words where it was not the target that was measured."""

import pytest

from nas.cli.commands.verify import latency_text
from nas.errors import UserError
from nas.hardware.measure.engine import MeasuringError, Settings
from nas.hardware.measure.timing import timing_of
from nas.hardware.profile import load_profile
from nas.model.network import build
from nas.search.latency_check import (
    BuiltNetwork,
    MeasureOrder,
    check_latencies,
    differences,
    made_on,
    open_for,
    require_measurable,
)
from nas.search.target import Target
from nas.search.watch import Silent
from nas.space.space import load_space


class FakeEngine:
    """Answers each call with the next of the given latencies; None fails."""

    def __init__(self, *latencies_ms, name="ONNX Runtime", settings=None):
        self.name = name
        self.settings = settings or Settings()
        self._latencies_ms = list(latencies_ms)

    def device(self):
        return "Fake CPU"

    def measure(self, module, input_shape, *, seconds):
        latency_ms = self._latencies_ms.pop(0)
        if latency_ms is None:
            raise MeasuringError("does not run")
        return timing_of([latency_ms])


@pytest.fixture(scope="module")
def subjects():
    space = load_space("tiny-hybrid")
    networks = {"winner": space.smallest(), "finalist-1": space.largest()}
    return [BuiltNetwork(name, architecture, build(architecture, seed=0)) for name, architecture in networks.items()]


@pytest.fixture(scope="module")
def target():
    return Target(load_profile("host-cpu"))


def test_rounds_take_turns_and_their_median_counts(subjects, target):
    found = check_latencies(subjects, target, FakeEngine(1.0, 5.0, 1.2, 5.5, 1.1, 50.0), Silent(), here=False)
    assert [row["measured_ms"] for row in found["networks"]] == [1.1, 5.5]
    assert found["networks"][0]["spread"] == pytest.approx(0.2 / 1.1)
    predicted = target.estimate(subjects[0].architecture).latency_ms
    assert found["networks"][0]["predicted_ms"] == predicted


def test_errors_are_relative_to_the_measurement(subjects, target):
    exact = [target.estimate(subject.architecture).latency_ms for subject in subjects]
    found = check_latencies(subjects, target, FakeEngine(*exact * 3), Silent(), here=False)
    assert found["median_error"] == pytest.approx(0.0)
    assert found["within_interval"] == 1.0
    twice = [2 * ms for ms in exact]
    assert check_latencies(subjects, target, FakeEngine(*twice * 3), Silent(), here=False)["median_error"] == 0.5


def test_a_network_that_does_not_run_is_shown(subjects, target):
    found = check_latencies(subjects, target, FakeEngine(1.0, None, 1.0, 1.0), Silent(), here=False)
    assert found["networks"][1]["measured_ms"] is None
    assert "does not run" in latency_text(found)


def test_another_engine_is_not_the_target(subjects, target):
    engine = FakeEngine(*[1.0] * 6, name="PyTorch", settings=Settings(2))
    found = check_latencies(subjects, target, engine, Silent(), here=False)
    assert found["differs_from_target"] == ["engine PyTorch instead of ONNX Runtime", "2 threads instead of 1"]
    assert "NOT the target" in latency_text(found)


def test_another_machine_is_not_the_target(monkeypatch):
    profile = load_profile("host-cpu")
    monkeypatch.setattr("nas.search.latency_check.cpu_name", lambda: "Other CPU")
    assert "this machine (Other CPU)" in differences(profile, FakeEngine(), here=True)[0]
    assert differences(profile, FakeEngine(), here=False) == []
    assert made_on(profile, "AMD EPYC")


def test_the_targets_own_engine_is_taken_where_it_runs():
    assert open_for(load_profile("host-cpu"), MeasureOrder()).name == "ONNX Runtime"
    assert open_for(load_profile("pixel4-cpu"), MeasureOrder()).settings.threads == 4
    assert open_for(load_profile("coral-edgetpu"), MeasureOrder()).name == "ONNX Runtime"


def test_choosing_by_measurement_needs_the_target():
    with pytest.raises(UserError, match="--via ssh"):
        require_measurable(load_profile("jetson-orin"), MeasureOrder())
    require_measurable(load_profile("jetson-orin"), MeasureOrder(via="ssh://jetson"))
