"""Terms of kernels: kinds, blocks, the cache, and whether a fit finds the numbers that made the times."""

import dataclasses

import pytest
from torch import nn

from nas.cost.kernels import fuse
from nas.cost.rules import load_rules
from nas.cost.trace import trace_module
from nas.hardware.fit_terms import TermsProblem, TimedNetwork, empty_terms, with_terms
from nas.hardware.measure.onnxruntime_nodes import SIGNATURES, NodeTime, kernel_times
from nas.hardware.predictor import LatencyPredictor, network_latency_ms
from nas.hardware.profile import load_profile
from nas.hardware.terms import GENERIC, KernelTerms, cold_share, quantities, term_kind, terms_ms

RULES = load_rules("onnxruntime-cpu")
EMPTY = empty_terms(RULES)
TRUE = dataclasses.replace(
    EMPTY,
    kinds={
        GENERIC: {"launch_us": 2.0, "mac": 10.0, "read_byte": 20.0, "written_byte": 30.0},
        "conv 3x3": {"launch_us": 5.0, "mac": 12.0, "written_byte": 40.0},
        "conv_pw": {"launch_us": 3.0, "mac": 8.0, "written_byte": 40.0},
    },
)


def kernels(*convs, size=32):
    layers = [nn.Conv2d(a, b, k, padding=k // 2, groups=g, bias=False) for a, b, k, g in convs]
    return fuse(trace_module(nn.Sequential(*layers), (convs[0][0], size, size)), RULES)


def kind(*conv):
    return next(term_kind(k, EMPTY) for k in kernels(conv) if k.kind.startswith("conv"))


@pytest.mark.parametrize(
    ("conv", "expected"),
    [
        ((3, 16, 3, 1), "conv image"),
        ((32, 64, 3, 1), "conv 3x3"),
        ((32, 64, 7, 1), "conv"),
        ((32, 64, 1, 1), "conv_pw"),
        ((30, 64, 1, 1), "conv_pw plain"),
        ((32, 32, 5, 32), "conv_dw 5x5"),
        ((30, 30, 5, 30), "conv_dw plain"),
        ((64, 64, 3, 8), "conv_group plain"),
        ((64, 64, 3, 4), "conv_group"),
    ],
)
def test_kinds_of_convolution(conv, expected):
    assert kind(*conv) == expected


def test_channels_are_filled_up_to_blocks():
    times = {
        out: sum(terms_ms(k, TRUE, 4)[1] for k in kernels((32, out, 1, 1)) if k.kind == "conv_pw") for out in (20, 32)
    }
    assert times[20] == pytest.approx(times[32])


def test_weights_beyond_the_cache_are_cold():
    assert cold_share(1000.0, 4000.0) == 0
    assert cold_share(2000.0, 1000.0) == 0.5
    assert cold_share(4000.0, 1000.0) == 1
    assert cold_share(0.0, 1000.0) == 0
    assert cold_share(1000.0, 0.0) == 1


def amounts(*conv, size=32):
    return next(quantities(k, 4, EMPTY) for k in kernels(conv, size=size) if k.kind.startswith("conv"))


def test_groups_that_are_no_whole_blocks_are_worked_on_one_by_one():
    assert amounts(64, 64, 3, 8)["group"] == 8
    assert amounts(64, 64, 3, 8)["unfolded_byte"] == 9 * 64 * 32 * 32 * 4
    assert "group" not in amounts(64, 64, 3, 4)
    assert "group" not in amounts(64, 64, 3, 64)
    assert "unfolded_byte" not in amounts(30, 30, 3, 30)


def test_what_does_not_fit_nearby_is_far():
    assert "far_byte" not in amounts(32, 32, 3, 1)
    assert amounts(32, 32, 3, 1, size=128)["far_byte"] == 2 * 32 * 128 * 128 * 4 - EMPTY.near_bytes


def test_numbers_are_not_negative_and_unknown_kinds_have_some():
    with pytest.raises(ValueError, match="not be negative"):
        KernelTerms({GENERIC: {"mac": -1.0}})
    with pytest.raises(ValueError, match="generic"):
        KernelTerms({"conv": {"mac": 1.0}})


def test_a_fit_finds_the_times_of_networks_left_out():
    profile = dataclasses.replace(load_profile("host-cpu"), terms=TRUE)
    networks = []
    for number, chs in enumerate((16, 32, 48, 64, 96, 128, 160, 192)):
        found = kernels((chs, chs, 3, 1), (chs, 2 * chs, 1, 1), (2 * chs, chs, 1, 1), size=16 + 4 * (number % 3))
        times = tuple(sum(terms_ms(k, TRUE, 4)[:2]) + 0.0015 for k in found)  # as the profiler reports them
        whole = network_latency_ms(found, profile)
        networks.append(TimedNetwork(str(chs), found, whole, times, sum(times), len(times)))
    fitted = with_terms(profile, TermsProblem(networks, 4, EMPTY).fit([0, 1, 2, 4, 5, 7]))
    for network in (networks[3], networks[6]):
        assert network_latency_ms(network.kernels, fitted) == pytest.approx(network.latency_ms, rel=0.06)


def test_nodes_are_matched_by_what_they_do():
    found = kernels((32, 64, 3, 1), (64, 32, 1, 1))
    nodes = [NodeTime(SIGNATURES.predicted(kernel), 1.0 + i) for i, kernel in enumerate(found)]
    assert kernel_times(found, nodes[::-1]) == tuple(1.0 + i for i in range(len(found)))
    assert kernel_times(found, nodes[1:])[0] is None


def test_what_the_profile_has_no_numbers_for_is_uncovered():
    profile = dataclasses.replace(load_profile("host-cpu"), terms=TRUE)
    estimate = LatencyPredictor(profile).estimate_module(nn.Sequential(nn.Conv2d(32, 32, 3), nn.Softmax(1)), (32, 8, 8))
    assert "softmax" in estimate.uncovered
    assert "conv" not in estimate.uncovered
