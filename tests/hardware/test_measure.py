"""Measuring: the statistics, the files engines take, and one short real run of each engine here."""

import time

import pytest
from torch import nn

from nas.errors import UserError
from nas.hardware.measure.convert import to_onnx
from nas.hardware.measure.cpu import cpu_digest, cpu_name
from nas.hardware.measure.engine import MeasuringError, Settings
from nas.hardware.measure.onnxruntime import OnnxRuntime, measure
from nas.hardware.measure.open import open_engine
from nas.hardware.measure.timing import Timing, time_call, timing_of
from nas.hardware.measure.torch_cpu import TorchCpu


def test_a_busy_machine_falls_back_to_the_tenth_percentile():
    calm = Timing(median_ms=1.0, p10_ms=0.9, cpu_median_ms=1.0, runs=50)
    busy = Timing(median_ms=1.5, p10_ms=0.9, cpu_median_ms=1.0, runs=50)
    assert (calm.busy, calm.latency_ms) == (False, 1.0)
    assert (busy.busy, busy.latency_ms) == (True, 0.9)


def test_runs_without_cpu_times_are_trusted():
    timing = timing_of([3.0, 1.0, 2.0])
    assert (timing.median_ms, timing.p10_ms, timing.busy, timing.runs) == (2.0, 1.0, False, 3)


def test_calls_are_timed_after_a_warm_up():
    calls = []
    timing = time_call(lambda: calls.append(time.sleep(0.001)), seconds=0.0, warmup=3, min_runs=7)
    assert len(calls) == 10
    assert timing.runs == 7
    assert timing.median_ms >= 1.0
    assert timing.cpu_median_ms < timing.median_ms  # sleeping costs no CPU time


@pytest.mark.parametrize("engine", [OnnxRuntime(), TorchCpu()])
def test_local_engines_time_a_module(engine):
    timing = engine.measure(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), (3, 8, 8), seconds=0.01)
    assert 0 < timing.p10_ms <= timing.median_ms
    assert timing.runs >= 10


def test_int8_models_hold_integer_weights():
    import onnx

    model = onnx.load_from_string(to_onnx(nn.Conv2d(3, 8, 3), (3, 16, 16), "int8"))
    assert "QuantizeLinear" in {node.op_type for node in model.graph.node}
    assert OnnxRuntime(Settings(1, "int8")).measure(nn.Conv2d(3, 8, 3), (3, 16, 16), seconds=0.0).median_ms > 0


class Unexportable(nn.Module):
    def forward(self, x):
        raise RuntimeError("not today")


def test_a_module_that_cannot_run_is_an_error_of_its_own():
    with pytest.raises(MeasuringError, match="not today"):
        TorchCpu().measure(Unexportable(), (3, 8, 8), seconds=0.0)


def test_a_module_that_no_exporter_takes_is_an_error_of_its_own(monkeypatch):
    tried = []

    def refuse(*_, dynamo, **__):
        tried.append(dynamo)
        raise RuntimeError("not today")

    monkeypatch.setattr("torch.onnx.export", refuse)
    with pytest.raises(MeasuringError, match="cannot be exported to ONNX: not today"):
        OnnxRuntime().measure(nn.ReLU(), (3, 8, 8), seconds=0.0)
    assert tried == [False, True]  # the newer exporter is asked as well


@pytest.mark.slow
def test_litert_times_a_module():
    pytest.importorskip("litert_torch")
    engine = open_engine("litert", via=None, threads=1, precision=None, tool=None)
    assert engine.measure(nn.Conv2d(3, 4, 3), (3, 8, 8), seconds=0.01).median_ms > 0


def test_the_cpu_is_named_by_its_own_system(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\n")
    assert cpu_name(info) == "Some CPU @ 2 GHz"
    assert cpu_name(tmp_path / "missing")
    assert len(cpu_digest("Some CPU")) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "onnxruntim"}, "did you mean 'onnxruntime'"),
        ({"name": "torch", "precision": "int8"}, "torch measures fp32, not int8"),
        ({"name": "tensorrt"}, "add --via ssh://user@host"),
        ({"name": "tensorrt", "via": "adb://X"}, "tensorrt is measured via ssh"),
        ({"name": "litert", "via": "ssh://host"}, "litert is measured via adb"),
        ({"name": "torch", "via": "ssh://host"}, "torch is measured here"),
        ({"name": "onnxruntime", "via": "host"}, "expected ssh://user@host"),
        ({"name": "onnxruntime", "via": "ssh://a b"}, "expected ssh://user@host"),
        ({"name": "onnxruntime", "tool": "/x"}, "without --via nothing needs it"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    given = {"via": None, "threads": 1, "precision": None, "tool": None, **arguments}
    with pytest.raises(UserError, match=message):
        open_engine(given.pop("name"), **given)


@pytest.mark.slow
def test_a_bigger_network_measures_slower():
    small, large = nn.Conv2d(8, 8, 3), nn.Conv2d(64, 128, 3)
    small_ms = measure(small, (8, 16, 16), seconds=0.1).p10_ms
    large_ms = measure(large, (64, 64, 64), seconds=0.1).p10_ms
    assert 0 < small_ms < large_ms
