"""Measuring: the statistics, and one real run through ONNX Runtime."""

import time

import pytest
from torch import nn

from nas.hardware.measure.onnxruntime import measure
from nas.hardware.measure.timing import Timing, time_call


def test_a_busy_machine_falls_back_to_the_tenth_percentile():
    calm = Timing(median_ms=1.0, p10_ms=0.9, cpu_median_ms=1.0, runs=50)
    busy = Timing(median_ms=1.5, p10_ms=0.9, cpu_median_ms=1.0, runs=50)
    assert (calm.busy, calm.latency_ms) == (False, 1.0)
    assert (busy.busy, busy.latency_ms) == (True, 0.9)


def test_calls_are_timed_after_a_warm_up():
    calls = []
    timing = time_call(lambda: calls.append(time.sleep(0.001)), seconds=0.0, warmup=3, min_runs=7)
    assert len(calls) == 10
    assert timing.runs == 7
    assert timing.median_ms >= 1.0
    assert timing.cpu_median_ms < timing.median_ms  # sleeping costs no CPU time


@pytest.mark.slow
def test_a_bigger_network_measures_slower():
    small, large = nn.Conv2d(8, 8, 3), nn.Conv2d(64, 128, 3)
    small_ms = measure(small, (8, 16, 16), seconds=0.1).p10_ms
    large_ms = measure(large, (64, 64, 64), seconds=0.1).p10_ms
    assert 0 < small_ms < large_ms
