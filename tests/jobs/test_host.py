"""`host-cpu` on another machine: measured once, kept, and never without being asked."""

from types import SimpleNamespace

import pytest

from nas.errors import NasError
from nas.hardware.profile import load_profile
from nas.jobs import host


class Heard:
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)

    def progress(self, stage, done, total, note=""):
        pass


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Count profilings on a CPU that no profile knows; each writes a file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(host.OFF, raising=False)
    monkeypatch.setattr("nas.hardware.measure.cpu.cpu_name", lambda: "Unknown CPU 9000")
    orders = []

    def profile_device(order, engine, watch):
        orders.append(order)
        order.out.parent.mkdir(parents=True)
        order.out.write_text("measured")
        return SimpleNamespace(profile=load_profile("host-cpu"))

    monkeypatch.setattr("nas.jobs.profile.profile_device", profile_device)
    return orders


def test_another_cpu_is_measured_once_and_kept(measured):
    watch = Heard()
    first = host.suited_target("host-cpu", "tiny-hybrid", watch, measure=True)
    again = host.suited_target("host-cpu", "tiny-hybrid", watch, measure=True)
    assert first == again == str(host.cached_profile("Unknown CPU 9000"))
    assert first.endswith("/host-cpu.yaml")
    assert [(order.minutes, order.spaces) for order in measured] == [(2.0, ("tiny-hybrid",))]
    assert "for 2 minutes, once" in watch.lines[0]


@pytest.mark.parametrize("target", ["jetson-orin", "./mine.yaml"])
def test_other_targets_are_left_alone(measured, target):
    assert host.suited_target(target, None, Heard(), measure=True) == target
    assert measured == []


def test_the_cpu_of_the_profile_needs_no_measuring(measured, monkeypatch):
    monkeypatch.setattr("nas.hardware.measure.cpu.cpu_name", lambda: "AMD EPYC")
    assert host.suited_target("host-cpu", None, Heard(), measure=True) == "host-cpu"
    assert measured == []


@pytest.mark.parametrize("by_environment", [True, False])
def test_measuring_can_be_switched_off_and_that_is_said(measured, monkeypatch, by_environment):
    if by_environment:
        monkeypatch.setenv(host.OFF, "1")
    watch = Heard()
    assert host.suited_target("host-cpu", None, watch, measure=by_environment) == "host-cpu"
    assert measured == []
    assert "nas profile --engine onnxruntime" in watch.lines[0]


def test_a_failed_measurement_falls_back_to_the_shipped_profile(measured, monkeypatch):
    def fail(*_):
        raise NasError("nothing could be measured")

    monkeypatch.setattr("nas.jobs.profile.profile_device", fail)
    watch = Heard()
    assert host.suited_target("host-cpu", None, watch, measure=True) == "host-cpu"
    assert "taken as it is shipped" in watch.lines[-1]
