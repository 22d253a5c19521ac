"""Cells of NAS-Bench-201: traced part by part as a whole, and what engines make of edges without an operator."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import latency
from nas.cost.kernels import fuse
from nas.cost.trace import trace_module
from nas.hardware.correction import design
from nas.hardware.fit import MeasuredNetwork
from tools.cells201 import CellNetwork, live_edges, trace_cells

NONE, SKIP, CONV1, CONV3, POOL = range(5)


@pytest.mark.parametrize("ops", [(3, 2, 0, 1, 4, 2), (0, 0, 0, 1, 0, 0)])
@pytest.mark.parametrize(("zeros", "rules"), [(False, latency.PRUNED), (True, latency.TORCH2TRT)])
def test_parts_give_the_kernels_of_the_whole(ops, zeros, rules):
    whole = trace_module(CellNetwork(ops, zeros=zeros), (3, 32, 32))
    parts = trace_cells(ops, zeros=zeros)
    assert (parts.macs, parts.params) == (whole.macs, whole.params)
    assert fuse(parts, rules) == fuse(whole, rules)


def test_branches_without_input_or_output_are_not_live():
    assert live_edges((NONE, CONV3, CONV1, SKIP, POOL, NONE)) == [(0, 3, SKIP)]


def kernels(ops, rules):
    return [kernel.ops for kernel in fuse(trace_cells(ops, zeros=True), rules)]


def test_a_branch_that_reaches_no_output_costs_torch2trt_nothing():
    dead = kernels((CONV3, CONV3, CONV3, CONV3, NONE, NONE), latency.TORCH2TRT)
    absent = kernels((NONE, NONE, NONE, CONV3, NONE, NONE), latency.TORCH2TRT)
    assert dead == absent


def test_an_activation_is_a_kernel_where_its_input_has_other_readers():
    one = kernels((CONV3, NONE, NONE, NONE, CONV3, NONE), latency.TORCH2TRT)
    two = kernels((CONV3, NONE, NONE, SKIP, CONV3, NONE), latency.TORCH2TRT)
    assert two.count(("relu",)) > one.count(("relu",))


def test_the_floor_is_the_distance_of_networks_with_the_same_kernels():
    same = tuple(fuse(trace_cells((SKIP,) * 6), latency.PRUNED))
    networks = [MeasuredNetwork("a", same, 1.0), MeasuredNetwork("b", same, 1.1), MeasuredNetwork("c", same[1:], 9.0)]
    error, within, pairs = latency.floor(networks)
    assert error == pytest.approx(np.log(1.1) / np.sqrt(2))
    assert (within, pairs) == (1.0, 1)


@pytest.mark.slow
@pytest.mark.skipif("NAS_BENCH_DATA" not in os.environ, reason="needs measured latencies")
@pytest.mark.parametrize("device", latency.DEVICES[:5], ids=lambda device: device.column)
def test_twenty_measured_networks_suffice(device):
    networks = latency.read_networks(Path(os.environ["NAS_BENCH_DATA"]), device, latency.Traces())
    rows = design(device.profile, networks)
    orders = [np.random.default_rng(seed).permutation(len(networks)) for seed in range(5)]
    found = np.mean([latency.judged(rows, order[:20], order[20:]) for order in orders], axis=0)
    shuffled = dataclasses.replace(rows, measured_ms=np.random.default_rng(0).permutation(rows.measured_ms))
    assert found[0] > 0.95
    assert found[2] > 0.97
    assert latency.judged(shuffled, orders[0][:20], orders[0][20:])[0] < 0.3
