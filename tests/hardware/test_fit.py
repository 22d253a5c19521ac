"""The fit finds the rates that made the latencies, and returns the template without measurements."""

import dataclasses

import pytest
from torch import nn

from nas.cost.kernels import fuse
from nas.cost.trace import trace_module
from nas.hardware.fit import MeasuredNetwork, Spread, fit_profile
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import load_profile
from nas.hardware.validate import (
    errors,
    interval_factor,
    leave_one_out,
    macs_fitter,
    profile_fitter,
    spearman,
)


@pytest.fixture(scope="module")
def networks():
    profile = load_profile("pixel4-cpu")
    made = []
    for chs in (16, 32, 64):
        for depth in (1, 2, 4, 8):
            layers = [nn.Conv2d(chs, chs, 3, padding=1, bias=False) for _ in range(depth)]
            layers += [nn.Conv2d(chs, chs, 3, padding=1, groups=chs, bias=False) for _ in range(9 - depth)]
            kernels = fuse(trace_module(nn.Sequential(*layers), (chs, 16, 16)), profile.fusion)
            made.append(MeasuredNetwork(f"{chs}x{depth}", kernels, 1.0))
    return made


def measured_on(profile, networks):
    return [dataclasses.replace(n, latency_ms=network_latency_ms(n.kernels, profile)) for n in networks]


@pytest.fixture(scope="module")
def device(networks):
    """A device four times slower than the template, with slower launches."""
    template = load_profile("pixel4-cpu")
    conv, depthwise = template.rate("conv"), template.rate("conv_dw")
    slow = {
        "conv": dataclasses.replace(conv, gmacs_per_s=conv.gmacs_per_s / 4, overhead_ms=0.03),
        "conv_dw": dataclasses.replace(depthwise, gmacs_per_s=depthwise.gmacs_per_s / 5, overhead_ms=0.03),
    }
    return dataclasses.replace(template, kernels=slow)


def test_no_measurements_leave_the_template():
    template = load_profile("pixel4-cpu")
    assert fit_profile(template, []) is template


def test_left_out_networks_of_a_known_device_are_predicted(networks, device):
    measured = measured_on(device, networks)
    fitter = profile_fitter(load_profile("pixel4-cpu"), Spread(common=(2.0, 2.0, 2.0)))
    found = errors(leave_one_out(fitter, measured), [n.latency_ms for n in measured])
    line = errors(leave_one_out(macs_fitter, measured), [n.latency_ms for n in measured])
    assert found.median < 0.05
    assert found.spearman > 0.97
    assert found.mape < line.mape


def test_rates_are_marked_fitted(networks, device):
    fitted = fit_profile(load_profile("pixel4-cpu"), measured_on(device, networks))
    assert fitted.kernels["conv"].evidence == "fitted"
    assert fitted.kernels["linear"].evidence == "datasheet"  # no such kernel was measured
    assert fitted.kernels["conv"].gmacs_per_s < 0.6 * load_profile("pixel4-cpu").kernels["conv"].gmacs_per_s


def test_errors_of_known_predictions():
    found = errors([1.05, 2.4, 3.0], [1.0, 2.0, 4.0])
    assert found.share_within_10 == pytest.approx(1 / 3, abs=1e-3)
    assert found.median == pytest.approx(0.2)
    assert found.spearman == 1.0


def test_spearman_shares_ranks():
    assert spearman([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1)
    assert spearman([1.0, 1.0, 2.0], [1.0, 1.0, 5.0]) == pytest.approx(1)


def test_few_networks_give_the_worst_case_as_interval():
    assert interval_factor([1.0, 1.2, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]) == 1.2
    assert interval_factor([1.0] * 19 + [3.0], [1.0] * 20) == 1.0
