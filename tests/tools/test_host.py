"""Measuring this machine goes on where it was interrupted, and says how far two rounds lie apart."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nas.hardware.measure.engine import MeasuringError
from nas.hardware.measure.onnxruntime_nodes import NodeTime
from nas.hardware.samples import TimmSample
from tools import host
from tools.host_networks import JUDGING, LEARNT, HostNetwork, host_networks

SMALL = [HostNetwork(TimmSample(name, 32), "mobilenetv2", False) for name in ("mobilenetv2_035", "mobilenetv2_050")]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let measuring take no time; every call is quicker than the one before."""
    made: list[Any] = []

    def measured(model: Any, shape: Any, *, threads: int, seconds: float) -> SimpleNamespace:
        made.append((model, shape))
        time_ms = 1.0 / len(made)
        return SimpleNamespace(latency_ms=time_ms, nodes=(NodeTime(("conv", (8, 8), ("relu",)), time_ms / 2),))

    monkeypatch.setattr(host, "host_networks", lambda: SMALL)
    monkeypatch.setattr(host, "to_onnx", lambda module, shape: b"")
    monkeypatch.setattr(host, "measure_nodes", measured)
    return made


def test_what_was_measured_is_not_measured_again(calls: list[Any], tmp_path: Path) -> None:
    records = tmp_path / "host.jsonl"
    first = host.measure_host(records)
    assert len(calls) == len(SMALL) * host.ROUNDS
    assert host.measure_host(records) == first
    lines = records.read_text(encoding="utf-8").splitlines(keepends=True)
    records.write_text("".join(lines[:-1]), encoding="utf-8")
    again = host.measure_host(records)
    assert len(calls) == len(SMALL) * host.ROUNDS + 1
    assert sum(one == other for one, other in zip(again, first, strict=True)) == len(SMALL) - 1


def test_every_network_is_measured_once_a_round_and_the_median_counts(calls: list[Any], tmp_path: Path) -> None:
    found = host.measure_host(tmp_path / "host.jsonl")[0]
    places = [round(1 / time_ms) - 1 for time_ms in found.rounds_ms]
    assert [place // len(SMALL) for place in places] == list(range(host.ROUNDS))
    assert found.latency_ms == sorted(found.rounds_ms)[1]
    assert [node.time_ms for node in found.nodes] == [pytest.approx(min(found.rounds_ms) / 2, abs=1e-5)]


def test_networks_are_converted_once_and_before_anything_is_timed(
    calls: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    converted: list[int] = []
    monkeypatch.setattr(host, "to_onnx", lambda module, shape: converted.append(len(calls)) or b"")
    host.measure_host(tmp_path / "host.jsonl")
    assert converted == [0] * len(SMALL)


def test_a_network_that_cannot_run_is_noted_and_left_out(
    calls: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise MeasuringError("no such operator")

    monkeypatch.setattr(host, "measure_nodes", failing)
    assert host.measure_host(tmp_path / "host.jsonl") == []
    assert "no such operator" in (tmp_path / "host.jsonl").read_text(encoding="utf-8")


def test_judging_families_are_never_learnt_from() -> None:
    assert not set(LEARNT) & set(JUDGING)
    models = [{name for members in families.values() for name, _ in members} for families in (LEARNT, JUDGING)]
    assert not models[0] & models[1]
    networks = host_networks()
    assert not {n.family for n in networks if n.judges} & {n.family for n in networks if not n.judges}
    judging = [network for network in networks if network.judges]
    timm_share = sum(isinstance(network.sample, TimmSample) for network in judging) / len(judging)
    assert len(judging) >= 40 and timm_share == pytest.approx(0.5, abs=0.05)
    seen = {network.sample.name for network in networks if not network.judges}
    assert not seen & {network.sample.name for network in judging}
