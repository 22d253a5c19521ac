"""The table of the noise floor: a common change of speed is no noise; a prediction outside of it shows."""

import pytest

from tools.host_noise import charted, report

SVG = (
    "<title>timm:a at 32: measured 1 ms, predicted 1.05, MACs only 2</title>"
    "<title>b: measured 10 ms, predicted 15</title>"
)


def test_a_chart_gives_what_was_measured_and_predicted() -> None:
    assert charted(SVG) == {"timm:a at 32": (1.0, 1.05), "b": (10.0, 15.0)}


def test_a_slower_machine_is_no_noise() -> None:
    lines = list(report({"timm:a at 32": [2.0, 2.0], "b": [20.0, 20.0], "unknown": [1.0, 1.0]}, charted(SVG)))
    assert lines[0] == "2 networks, 2 rounds; now 2.00 times what was measured then"
    assert "| one round now from another | 100% | 0.0% | 0.000 |" in lines
    assert lines[-1].endswith("50% (b)")


@pytest.mark.parametrize(("second", "within"), [(1.05, "100%"), (1.3, "0%")])
def test_rounds_that_differ_are_noise(second: float, within: str) -> None:
    lines = list(report({"timm:a at 32": [1.0, second]}, charted(SVG)))
    assert next(line for line in lines if "another" in line).split(" | ")[1] == within
