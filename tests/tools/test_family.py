"""A target with few networks takes the shape from its siblings, and never from a network that is left out."""

from dataclasses import replace

import pytest

from nas.cost.kernels import Kernel
from nas.hardware.fit import MeasuredNetwork, Spread
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import HardwareProfile, Peaks
from tools.family import Sibling, fit_in_family
from tools.targets import load_template, on_data_sheet

SPREAD = Spread(noise=0.02)


def kernel(kind: str, macs: int) -> Kernel:
    return Kernel(
        kind=kind, ops=("conv2d",), macs=macs, read_elements=1, write_elements=1, weight_elements=1, in_chs=64,
        out_chs=64, kernel_size=1, stride=1, groups=1, output_shape=(1, 64, 7, 7),
    )  # fmt: skip


def truth(template: HardwareProfile, speed: float) -> HardwareProfile:
    """A device on which depthwise kernels run at a tenth of what the template says, and all at `speed`."""
    rates = {
        kind: replace(rate, gmacs_per_s=rate.gmacs_per_s * speed * (0.1 if kind == "conv_dw" else 1.0))
        for kind, rate in template.kernels.items()
    }
    default = replace(template.default, gmacs_per_s=template.default.gmacs_per_s * speed)
    return replace(template, kernels=rates, default=default)


def measured(device: HardwareProfile, name: str, *kernels: Kernel) -> MeasuredNetwork:
    return MeasuredNetwork(name, kernels, network_latency_ms(kernels, device))


@pytest.fixture
def template() -> HardwareProfile:
    return load_template("jetson-tx2")


def test_the_shape_comes_from_the_siblings(template: HardwareProfile) -> None:
    sheet = on_data_sheet(template, Peaks(2 * template.peaks.gmacs_per_s, 2 * template.peaks.gbytes_per_s))
    other = truth(sheet, 0.7)
    wide = [kernel("conv_pw", n * 10**9) for n in (1, 2, 4)]
    deep = [kernel("conv_dw", n * 10**8) for n in (1, 2, 4)]
    seen = [measured(other, f"s{i}", *ks) for i, ks in enumerate((wide[:1], wide, deep[:1], deep, [*wide, *deep]))]
    device = truth(template, 0.5)
    own = [measured(device, "t0", *wide[:1]), measured(device, "t1", *wide)]  # nothing depthwise
    asked = measured(device, "asked", *deep, *deep)
    fitted = fit_in_family(template, [Sibling("other", sheet, tuple(seen))], own, own, SPREAD)
    alone = fit_in_family(template, [], own, own, SPREAD)
    found, without = (network_latency_ms(asked.kernels, p) / asked.latency_ms for p in (fitted, alone))
    assert found == pytest.approx(1, abs=0.15)
    assert without < 0.5


def test_a_left_out_network_is_left_out_of_the_siblings(template: HardwareProfile) -> None:
    device = truth(template, 0.5)
    networks = [measured(device, name, kernel("conv_pw", n * 10**9)) for name, n in (("a", 1), ("b", 2), ("c", 4))]
    odd = replace(networks[2], latency_ms=50 * networks[2].latency_ms)
    fits = [
        fit_in_family(template, [Sibling("other", template, (*networks[:2], third))], networks, networks[:2], SPREAD)
        for third in (networks[2], odd)
    ]
    assert fits[0].kernels == fits[1].kernels


def test_a_data_sheet_scales_the_rates(template: HardwareProfile) -> None:
    scaled = on_data_sheet(template, Peaks(3 * template.peaks.gmacs_per_s, 2 * template.peaks.gbytes_per_s), 0.5)
    assert scaled.default.gmacs_per_s == pytest.approx(3 * template.default.gmacs_per_s)
    assert scaled.kernels["conv_dw"].gbytes_per_s == pytest.approx(2 * template.kernels["conv_dw"].gbytes_per_s)
    assert scaled.default.overhead_ms == 0.5
