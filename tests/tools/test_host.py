"""Measuring this machine goes on where it was interrupted, and states its own noise."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools import host
from tools.targets import load_template


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let measuring take no time; every call is 1 % slower than the one before."""
    made: list[Any] = []

    def timing(module: Any, shape: Any, *, seconds: float) -> SimpleNamespace:
        made.append((module, shape, seconds))
        return SimpleNamespace(latency_ms=1.0 + 0.01 * len(made), cpu_median_ms=1.0, busy=False)

    monkeypatch.setattr(host, "measure_module", timing)
    monkeypatch.setattr(host, "NETWORKS", (("cells 3x3", 32), ("mobilenetv2_035", 32)))
    monkeypatch.setattr(host, "REFERENCE_EVERY", 1)
    return made


def test_what_was_measured_is_not_measured_again(calls: list[Any], tmp_path: Path) -> None:
    records = tmp_path / "host.jsonl"
    first = host.measure(load_template("host-cpu"), records)
    assert len(calls) == 4  # two networks, the reference before each
    lines = records.read_text(encoding="utf-8").splitlines(keepends=True)
    records.write_text("".join(lines[:-1]), encoding="utf-8")
    again = host.measure(load_template("host-cpu"), records)
    assert len(calls) == 5
    assert again.networks[0] == first.networks[0]
    assert again.reference_ms == first.reference_ms


def test_the_noise_is_that_of_the_reference(calls: list[Any], tmp_path: Path) -> None:
    found = host.measure(load_template("host-cpu"), tmp_path / "host.jsonl")
    assert found.reference_ms == (1.01, 1.03)
    assert found.noise == pytest.approx(0.01 / 1.02)


def test_many_networks_of_many_families() -> None:
    names = [name for name, _ in host.NETWORKS]
    assert len(host.NETWORKS) >= 40
    assert len(set(host.NETWORKS)) == len(host.NETWORKS)
    assert sum(name.startswith(("mobilenet", "efficientnet", "mnasnet", "resnet", "regnet")) for name in names) < 24
