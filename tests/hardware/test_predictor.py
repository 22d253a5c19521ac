"""The predictor: sums, shares, intervals, padding, streaming, monotony, speed."""

import dataclasses
import random

import pytest
from torch import nn

from nas.cost.kernels import fuse
from nas.cost.trace import trace_module
from nas.hardware.predictor import EXTRAPOLATION_FACTOR, LatencyPredictor, network_latency_ms
from nas.hardware.profile import Limits, load_profile, profile_names
from nas.hardware.restrict import max_params, unsupported_ops
from nas.space.space import load_space

NAMES = profile_names()


@pytest.fixture(scope="module")
def space():
    return load_space("tiny-hybrid").for_classes(10)


def stack(chs, depth, in_chs=16):
    layers = []
    for i in range(depth):
        layers += [nn.Conv2d(chs if i else in_chs, chs, 3, padding=1, bias=False), nn.BatchNorm2d(chs), nn.ReLU()]
    return nn.Sequential(*layers)


def latency(profile, module, in_chs=16, size=16):
    return LatencyPredictor(profile).estimate_module(module, (in_chs, size, size)).latency_ms


@pytest.mark.parametrize("name", NAMES)
def test_kernels_add_up(name):
    estimate = LatencyPredictor(load_profile(name)).estimate_module(stack(32, 3), (16, 16, 16))
    assert sum(kernel.latency_ms for kernel in estimate.kernels) == pytest.approx(estimate.latency_ms)
    assert sum(kernel.share for kernel in estimate.kernels) == pytest.approx(1)
    assert estimate.interval_ms[0] < estimate.latency_ms < estimate.interval_ms[1]


@pytest.mark.parametrize("name", NAMES)
def test_deeper_is_never_faster(name):
    profile = load_profile(name)
    times = [latency(profile, stack(32, depth)) for depth in range(1, 6)]
    assert times == sorted(times)
    assert times[0] < times[-1]


@pytest.mark.parametrize("name", NAMES)
def test_wider_is_never_faster(name):
    profile = load_profile(name)
    times = [latency(profile, stack(chs, 3)) for chs in (8, 12, 16, 20, 32, 48, 64, 128, 256)]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_channels_are_padded_to_the_multiple():
    profile = load_profile("jetson-orin")
    assert profile.limits.channel_multiple == 8
    times = {chs: latency(profile, stack(chs, 2), size=64) for chs in (256, 257, 264)}
    assert times[257] > 1.02 * times[256]
    assert times[257] == pytest.approx(times[264], rel=0.01)


def test_weights_may_have_a_bandwidth_of_their_own():
    profile = load_profile("pixel4-cpu")
    kernel = fuse(trace_module(nn.Linear(1000, 1000), (1, 1, 1000)), profile.fusion)
    slower = dataclasses.replace(profile, limits=Limits(weight_gbytes_per_s=0.01))
    weights_ms = 1_001_000 * profile.bytes_per_element / 0.01e6
    assert network_latency_ms(kernel, slower) == pytest.approx(weights_ms, rel=0.05)
    assert network_latency_ms(kernel, profile) < 0.1 * weights_ms


def test_weights_beyond_the_chip_are_streamed():
    profile = load_profile("coral-edgetpu")
    kernels = fuse(trace_module(nn.Linear(4096, 4096), (1, 1, 4096)), profile.fusion)
    endless = dataclasses.replace(profile.limits, on_chip_bytes=None, stream_gbytes_per_s=None)
    free = dataclasses.replace(profile, limits=endless)
    extra_ms = network_latency_ms(kernels, profile) - network_latency_ms(kernels, free)
    weights = 4096 * 4097
    beyond = weights - profile.limits.on_chip_bytes
    assert extra_ms == pytest.approx(beyond / profile.limits.stream_gbytes_per_s / 1e6, rel=0.01)
    assert 5_000_000 <= max_params(profile) < weights
    assert max_params(load_profile("host-cpu")) is None


def test_a_kind_without_its_own_rate_is_listed_and_costs_time():
    profile = dataclasses.replace(load_profile("jetson-orin"), kernels={})
    estimate = LatencyPredictor(profile).estimate_module(stack(32, 2), (16, 16, 16))
    assert set(estimate.uncovered) == {"conv"}
    assert estimate.uncovered["conv"] > 0


def test_unsupported_operators():
    coral = load_profile("coral-edgetpu")
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Hardswish(), nn.ReLU())
    assert unsupported_ops(coral, trace_module(module, (3, 8, 8))) == {"hard_swish"}
    assert LatencyPredictor(coral).estimate_module(module, (3, 8, 8)).unsupported == ("hard_swish",)
    assert unsupported_ops(load_profile("host-cpu"), trace_module(module, (3, 8, 8))) == set()


@pytest.mark.parametrize("name", NAMES)
def test_architectures(space, name):
    predictor = LatencyPredictor(load_profile(name))
    architecture = space.sample(random.Random(0))
    estimate = predictor.estimate(architecture)
    assert estimate.latency_ms == pytest.approx(predictor.latency_ms(architecture))
    assert predictor.latency_ms(space.smallest()) < predictor.latency_ms(space.largest())
    assert estimate.to_dict()["evidence"]["kind"] == load_profile(name).evidence.kind


def test_an_estimate_outside_the_measured_range_says_so():
    estimate = LatencyPredictor(load_profile("jetson-orin")).estimate_module(stack(8, 1), (16, 16, 16))
    assert estimate.extrapolated
    low_ms, high_ms = estimate.interval_ms
    assert high_ms / low_ms >= EXTRAPOLATION_FACTOR**2 * 0.999
