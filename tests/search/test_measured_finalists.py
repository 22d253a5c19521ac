"""Finalists judged by measurement: the measured latency takes the predicted one's place."""

from dataclasses import dataclass

import pytest

from nas import runs
from nas.errors import UserError
from nas.hardware.measure.engine import MeasuringError, Settings
from nas.hardware.measure.timing import timing_of
from nas.hardware.profile import load_profile
from nas.model.network import build
from nas.runs import RunDirectory
from nas.search.config import SearchConfig
from nas.search.final_stage import choose
from nas.search.latency_check import MeasureOrder
from nas.search.measured_finalists import measured_finalists
from nas.search.objective import Constraints, Metrics
from nas.search.target import Target
from nas.search.watch import Silent
from nas.space.space import load_space


@dataclass(frozen=True)
class Trained:
    name: str
    architecture: object
    network: object
    metrics: Metrics


class FakeEngine:
    name, settings = "ONNX Runtime", Settings()

    def __init__(self, latencies_ms):
        self._latencies_ms = latencies_ms

    def device(self):
        return "Fake CPU"

    def measure(self, module, input_shape, *, seconds):
        latency_ms = self._latencies_ms[module]
        if latency_ms is None:
            raise MeasuringError("does not run")
        return timing_of([latency_ms])


@pytest.fixture
def finalists():
    space = load_space("tiny-hybrid")
    made = []
    for name, architecture, accuracy in (("small", space.smallest(), 0.90), ("large", space.largest(), 0.95)):
        metrics = Metrics(1000, 10, 1.0, 10, accuracy)
        made.append(Trained(name, architecture, build(architecture, seed=0), metrics))
    return made


def judged(finalists, tmp_path, monkeypatch, *latencies_ms):
    networks = [f.network for f in finalists]
    engine = FakeEngine(dict(zip(networks, latencies_ms, strict=True)))
    monkeypatch.setattr("nas.search.measured_finalists.open_for", lambda *_: engine)
    with RunDirectory.create(tmp_path, "run") as run:
        found = measured_finalists(finalists, Target(load_profile("host-cpu")), MeasureOrder(), run, Silent())
        assert [row["name"] for row in run.read_json(runs.LATENCY)["networks"]] == ["small", "large"]
    return found


def test_measured_latencies_replace_predicted_ones(finalists, tmp_path, monkeypatch):
    found = judged(finalists, tmp_path, monkeypatch, 0.5, 3.0)
    assert [f.metrics.latency_ms for f in found] == [0.5, 3.0]
    assert [f.metrics.accuracy for f in found] == [0.90, 0.95]


def test_what_cannot_be_measured_keeps_its_prediction(finalists, tmp_path, monkeypatch):
    assert [f.metrics.latency_ms for f in judged(finalists, tmp_path, monkeypatch, 0.5, None)] == [0.5, 1.0]


def config(latency_ms):
    return SearchConfig(
        "host-cpu", "tiny-hybrid", "digits", Constraints(latency_ms=latency_ms), None, select="accuracy"
    )


def test_a_finalist_that_is_too_slow_when_measured_does_not_win(finalists, tmp_path, monkeypatch):
    assert choose(finalists, config(2.0)) == 1
    slow = judged(finalists, tmp_path, monkeypatch, 0.5, 3.0)
    assert choose(slow, config(2.0)) == 0
    assert choose(slow, config(0.1)) == 1  # none keeps the limit: the rule alone decides


def test_the_command_line_refuses_what_cannot_be_measured():
    from nas.cli.parser import build_parser

    def asked(*flags):
        arguments = build_parser().parse_args(["search", *flags])
        from nas.cli.commands.search import _wishes
        from nas.search.defaults import plan

        return plan(_wishes(arguments))

    with pytest.raises(UserError, match="--via ssh"):
        asked("--target", "jetson-orin", "--measure-finalists")
    with pytest.raises(UserError, match="say where --measure-finalists measures"):
        asked("--target", "jetson-orin", "--via", "ssh://jetson")
