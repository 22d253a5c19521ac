"""Profiling with an engine that answers by a formula: what is measured, kept, fitted and judged."""

import json

import pytest

from nas.cost.trace import trace_module
from nas.errors import NasError, UserError
from nas.hardware.measure.engine import MeasuringError, Settings
from nas.hardware.measure.timing import timing_of
from nas.hardware.measurements import MeasurementFile, Setup
from nas.hardware.profile import load_profile
from nas.hardware.profiler import TIMM_NETWORKS
from nas.hardware.samples import ConvSample
from nas.jobs.profile import ProfileOrder, measurements_path, profile_device
from nas.search.watch import Silent

SAMPLES = 10


class FakeEngine:
    """A device of 10 GMAC/s with 20 us a network: no time passes."""

    name = "ONNX Runtime"

    def __init__(self, settings=None, fails=lambda shape: False, stop_after=None):
        self.settings = settings or Settings()
        self.fails = fails
        self.calls = 0
        self.stop_after = stop_after

    def device(self):
        return "Fake CPU"

    def measure(self, module, input_shape, *, seconds):
        self.calls += 1
        if self.stop_after is not None and self.calls > self.stop_after:
            raise KeyboardInterrupt
        if self.fails(input_shape):
            raise MeasuringError("this one does not run")
        return timing_of([0.02 + trace_module(module, input_shape).macs / 1e7] * 3)


@pytest.fixture(autouse=True)
def few_networks(monkeypatch):
    monkeypatch.setattr("nas.hardware.profiler.TIMM_NETWORKS", ())
    monkeypatch.setattr("nas.hardware.profiler._ARCHITECTURES", 4)
    monkeypatch.setattr("nas.hardware.profiler.REFERENCE_EVERY", 4)
    monkeypatch.setattr("nas.hardware.measured_profile._MOST_FOLDS", 2)


def order(tmp_path, **changes):
    return ProfileOrder(**{"out": tmp_path / "mine.yaml", "spaces": ("tiny-hybrid",), "samples": SAMPLES, **changes})


def test_a_profile_is_written_that_a_search_can_load(tmp_path):
    profiled = profile_device(order(tmp_path), FakeEngine(), Silent())
    profile = load_profile(str(tmp_path / "mine.yaml"))
    evidence = profile.evidence
    assert (profile.name, profile.engine, profile.threads) == ("mine", "ONNX Runtime", 1)
    assert evidence.kind == "measured"
    assert "Fake CPU" in evidence.sources[0]
    assert evidence.errors.spearman > 0.9
    assert evidence.macs_only is not None
    assert "varied by 0.0%" in evidence.note
    assert profiled.parts + evidence.networks == SAMPLES


def test_what_was_measured_is_not_measured_again(tmp_path):
    first = FakeEngine(stop_after=8)
    profile_device(order(tmp_path), first, Silent())
    lines = measurements_path(tmp_path / "mine.yaml").read_text().splitlines()
    again = FakeEngine()
    profile_device(order(tmp_path), again, Silent())
    kept = measurements_path(tmp_path / "mine.yaml").read_text().splitlines()
    assert kept[: len(lines)] == lines
    specs = [json.dumps(json.loads(line).get("spec")) for line in kept]
    assert max(specs.count(spec) for spec in specs if spec != "null") == 1


def test_ctrl_c_before_there_is_enough_says_how_to_go_on(tmp_path):
    with pytest.raises(UserError, match="the same command continues"):
        profile_device(order(tmp_path), FakeEngine(stop_after=3), Silent())
    assert not (tmp_path / "mine.yaml").exists()
    assert len(measurements_path(tmp_path / "mine.yaml").read_text().splitlines()) == 4


def test_a_line_cut_in_half_is_dropped(tmp_path):
    setup, path = Setup("Fake CPU", "ONNX Runtime", "fp32", 1), tmp_path / "m.jsonl"
    file = MeasurementFile.open(path, setup)
    for size in (8, 16):
        file.add(ConvSample(8, 8, 3, 1, 1, size), timing_of([float(size)]), seconds=0.5)
    path.write_text(path.read_text()[:-20])
    again = MeasurementFile.open(path, setup)
    assert [m.latency_ms for m in again.measured] == [8.0]
    assert again.seconds == 0.5


def test_measurements_of_another_device_are_not_mixed_in(tmp_path):
    MeasurementFile.open(measurements_path(tmp_path / "mine.yaml"), Setup("Fake CPU", "ONNX Runtime", "fp32", 1))
    with pytest.raises(UserError, match="2 threads; give another --out"):
        profile_device(order(tmp_path), FakeEngine(Settings(2)), Silent())


def test_what_cannot_be_measured_is_left_out_and_counted(tmp_path):
    profile_device(order(tmp_path), FakeEngine(fails=lambda shape: shape[1] == 16), Silent())
    assert "could not be measured" in load_profile(str(tmp_path / "mine.yaml")).evidence.note


def test_an_engine_that_runs_nothing_is_given_up(tmp_path):
    engine = FakeEngine(fails=lambda shape: shape != (32, 48, 48))
    with pytest.raises(NasError, match="nothing could be measured.*does not run"):
        profile_device(order(tmp_path), engine, Silent())


@pytest.mark.parametrize(("out", "message"), [("mine.txt", "mine.yaml"), ("my device.yaml", "not legal")])
def test_the_name_of_the_file_is_the_name_of_the_target(tmp_path, out, message):
    with pytest.raises(UserError, match=message):
        profile_device(order(tmp_path, out=tmp_path / out), FakeEngine(), Silent())


def test_the_networks_of_other_families_exist_in_timm():
    import timm

    assert {model for model, _ in TIMM_NETWORKS} <= set(timm.list_models())
