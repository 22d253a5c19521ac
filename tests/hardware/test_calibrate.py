"""A correction finds what is wrong with a profile from few networks, stays monotone, says how good it was and is."""

import dataclasses
import random

import pytest
from torch import nn

from nas import schema
from nas.cost.kernels import fuse
from nas.cost.trace import trace_module
from nas.errors import UserError
from nas.hardware.calibrate import calibrate, correct, left_out_ms
from nas.hardware.fit import MeasuredNetwork, fit_profile
from nas.hardware.predictor import LatencyPredictor, network_latency_ms
from nas.hardware.profile import Correction, HardwareProfile, load_profile
from nas.hardware.validate import errors


def chain(rng, chs=None, depth=None):
    """A network of convolutions, pools and activations that nothing absorbs."""
    chs, depth = chs or rng.choice((8, 16, 32, 64)), depth or rng.randint(2, 10)
    layers = []
    for _ in range(depth):
        layers.append(
            rng.choice(
                (
                    lambda: nn.Conv2d(chs, chs, 3, padding=1, bias=False),
                    lambda: nn.Conv2d(chs, chs, 1, bias=False),
                    lambda: nn.AvgPool2d(3, 1, 1),
                    lambda: nn.Sigmoid(),
                )
            )()
        )
    return nn.Sequential(*layers), chs


@pytest.fixture(scope="module")
def profile():
    return load_profile("pixel4-cpu")


@pytest.fixture(scope="module")
def kernels(profile):
    rng, found = random.Random(0), []
    for _ in range(40):
        module, chs = chain(rng)
        found.append(fuse(trace_module(module, (chs, 8, 8)), profile.fusion))
    return found


def measured_on(device, kernels, rng=None):
    return [
        MeasuredNetwork(str(i), k, network_latency_ms(k, device) * (rng.lognormvariate(0, 0.02) if rng else 1.0))
        for i, k in enumerate(kernels)
    ]


def slower_launches(profile, factor):
    rates = {kind: dataclasses.replace(r, overhead_ms=r.overhead_ms * factor) for kind, r in profile.kernels.items()}
    default = dataclasses.replace(profile.default, overhead_ms=profile.default.overhead_ms * factor)
    return dataclasses.replace(profile, kernels=rates, default=default)


def test_ten_networks_show_that_launches_take_twice_as_long(profile, kernels):
    networks = measured_on(slower_launches(profile, 2.0), kernels)
    measured = [network.latency_ms for network in networks[10:]]
    corrected = correct(profile, networks[:10])
    before = errors([network_latency_ms(n.kernels, profile) for n in networks[10:]], measured)
    after = errors([network_latency_ms(n.kernels, corrected) for n in networks[10:]], measured)
    assert before.mape > 0.2
    assert after.mape < 0.02


def test_one_wrong_latency_is_outvoted(profile, kernels):
    networks = measured_on(slower_launches(profile, 2.0), kernels)
    measured = [network.latency_ms for network in networks[15:]]
    spoilt = [dataclasses.replace(networks[0], latency_ms=1.3 * networks[0].latency_ms), *networks[1:15]]
    predicted = [network_latency_ms(n.kernels, correct(profile, spoilt)) for n in networks[15:]]
    assert errors(predicted, measured).mape < 0.02


def test_a_profile_that_is_right_stays_right(profile, kernels):
    networks = measured_on(profile, kernels, random.Random(1))
    corrected = correct(profile, networks[:8])
    predicted = [network_latency_ms(n.kernels, corrected) for n in networks[8:]]
    assert errors(predicted, [n.latency_ms for n in networks[8:]]).mape < 0.03


def test_one_common_factor_reaches_kernels_that_were_not_measured(profile, kernels):
    networks = [dataclasses.replace(n, latency_ms=n.latency_ms * 3) for n in measured_on(profile, kernels[:8])]
    linear = fuse(trace_module(nn.Linear(64, 64), (1, 1, 64)), profile.fusion)
    kernel_ms = network_latency_ms(linear, profile) - profile.correction.intercept_ms
    corrected = correct(profile, networks)
    assert network_latency_ms(linear, corrected) - corrected.correction.intercept_ms == pytest.approx(3 * kernel_ms)


def test_a_second_calibration_starts_from_the_first(profile, kernels):
    networks = measured_on(slower_launches(profile, 3.0), kernels)
    once = correct(profile, networks[:20])
    twice = correct(once, networks[20:24])
    predicted = [network_latency_ms(n.kernels, twice) for n in networks[24:]]
    assert errors(predicted, [n.latency_ms for n in networks[24:]]).mape < 0.02


@pytest.mark.parametrize("seed", range(8))
def test_wider_or_deeper_is_never_faster(profile, kernels, seed):
    rng = random.Random(seed)
    latencies = [rng.uniform(0.1, 10.0) for _ in kernels[:12]]  # no device does this: the worst a fit can meet
    networks = [MeasuredNetwork("", k, ms) for k, ms in zip(kernels, latencies, strict=False)]
    predictor = LatencyPredictor(correct(profile, networks))
    state = rng.getstate()
    times = []
    for chs, depth in ((8, 4), (12, 4), (24, 4), (25, 4), (64, 4), (64, 5), (64, 7)):
        rng.setstate(state)  # the same layers, wider or with more of them
        times.append(predictor.estimate_module(chain(rng, chs, depth)[0], (chs, 8, 8)).latency_ms)
    assert times == sorted(times)


def test_errors_before_and_after_are_stated(profile, kernels):
    networks = measured_on(slower_launches(profile, 4.0), kernels[:25], random.Random(2))
    evidence = calibrate(profile, networks, sources=("here",), date="2026-11-22").evidence
    assert evidence.kind == "measured"
    assert evidence.networks == 25
    assert evidence.sources[0] == "here"
    assert evidence.uncorrected.mape > 0.3
    assert evidence.errors.mape < 0.05
    assert 1 < evidence.interval_factor < 1.1
    assert evidence.method.endswith("20 folds left out in turn")


def test_a_left_out_network_has_no_part_in_its_prediction(profile, kernels):
    networks = measured_on(profile, kernels[:6])
    moved = [*networks[:-1], dataclasses.replace(networks[-1], latency_ms=5 * networks[-1].latency_ms)]
    assert left_out_ms(profile, networks)[-1] == pytest.approx(left_out_ms(profile, moved)[-1])


def test_a_corrected_profile_is_plain_data(profile, kernels):
    corrected = calibrate(profile, measured_on(slower_launches(profile, 2.0), kernels[:10]))
    again = schema.read(HardwareProfile, schema.to_dict(corrected), source="test")
    assert again == corrected
    assert set(again.correction.per_kernel_ms) >= {"conv", "conv_pw", "pool", "sigmoid"}


def test_a_fit_of_rates_starts_without_the_correction(profile, kernels):
    networks = measured_on(profile, kernels[:6])
    fitted = fit_profile(correct(profile, networks), networks)
    assert fitted.correction.per_kernel_ms == {}


def test_two_networks_are_too_few(profile, kernels):
    with pytest.raises(UserError, match="at least 3 measured networks, got 2"):
        calibrate(profile, measured_on(profile, kernels[:2]))


def test_numbers_of_a_correction_are_not_negative():
    with pytest.raises(ValueError, match="per_kernel_ms must not be negative"):
        Correction(per_kernel_ms={"add": -0.1})
