"""Predicted against measured: times networks on a device and says plainly whether it is the target."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nas.errors import UserError
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.engine import Engine, MeasuringError, TakesOnnx
from nas.hardware.measure.open import HERE, open_engine

if TYPE_CHECKING:
    from torch import nn

    from nas.cost.onnx_trace import OnnxModel
    from nas.hardware.measure.timing import Timing
    from nas.hardware.predictor import LatencyEstimate
    from nas.hardware.profile import HardwareProfile
    from nas.search.target import Target
    from nas.search.watch import Watch
    from nas.space.architecture import Architecture

ROUNDS = 3  # of all networks in turn: a disturbance then hits one round, not one network
SECONDS = 0.4  # of timing a network in each round
_ENGINES = {"ONNX Runtime": "onnxruntime", "TFLite": "litert", "TensorRT": "tensorrt", "PyTorch": "torch"}
_FALLBACK = "onnxruntime"


@dataclass(frozen=True, slots=True)
class MeasureOrder:
    """Where to measure: ``engine`` None takes the target's own, ``via`` None this machine."""

    engine: str | None = None
    via: str | None = None
    tool: str | None = None


class Subject(Protocol):
    """What is timed, and predicted."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def digest(self) -> str | None:
        """That of its architecture, if it has one."""

    def time(self, engine: Engine, *, seconds: float) -> Timing:
        """Time it.

        Raises:
            MeasuringError: if the engine does not run it.
        """

    def predict(self, target: Target) -> LatencyEstimate:
        """Predict it."""


@dataclass(frozen=True)
class BuiltNetwork:
    """The network of an architecture."""

    name: str
    architecture: Architecture
    network: nn.Module

    @property
    def digest(self) -> str:
        """That of its architecture."""
        return self.architecture.digest

    def time(self, engine: Engine, *, seconds: float) -> Timing:
        """Time it at its resolution."""
        side = self.architecture.resolution
        return engine.measure(self.network, (3, side, side), seconds=seconds)

    def predict(self, target: Target) -> LatencyEstimate:
        """Predict it."""
        return target.estimate(self.architecture)


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file as it is."""

    name: str
    content: bytes
    model: OnnxModel
    digest: None = None

    def time(self, engine: Engine, *, seconds: float) -> Timing:
        """Time it.

        Raises:
            UserError: if the engine takes no ONNX.
        """
        if not isinstance(engine, TakesOnnx):
            raise UserError(f"{self.name}: engine {engine.name} takes no ONNX file; use onnxruntime or tensorrt")
        return engine.measure_onnx(self.content, self.model.input_shape, seconds=seconds)

    def predict(self, target: Target) -> LatencyEstimate:
        """Predict it by the operations of its graph."""
        return target.estimate_trace(self.model.trace)


def open_for(profile: HardwareProfile, order: MeasureOrder) -> Engine:
    """Return the engine that comes nearest to the target: its own, or ONNX Runtime where that cannot run here.

    Raises:
        UserError: if the order names what does not exist or does not answer.
    """
    own = _ENGINES.get(profile.engine)
    name = order.engine or own or _FALLBACK
    if order.via is None and name not in HERE and order.engine is None:
        name = _FALLBACK
    precision = profile.precision if name == own else None
    return open_engine(name, via=order.via, threads=profile.threads or 1, precision=precision, tool=order.tool)


def differences(profile: HardwareProfile, engine: Engine, *, here: bool) -> list[str]:
    """Say in what the engine measured is not the target; empty where it is, as far as can be told."""
    found = []
    if engine.name != profile.engine:
        found.append(f"engine {engine.name} instead of {profile.engine}")
    if engine.settings.precision != profile.precision:
        found.append(f"{engine.settings.precision} instead of {profile.precision}")
    if profile.threads and engine.settings.threads and engine.settings.threads != profile.threads:
        found.append(f"{engine.settings.threads} threads instead of {profile.threads}")
    if here and not made_on(profile, cpu_name()):
        found.append(f"this machine ({cpu_name()}) instead of {profile.device}")
    return found


def made_on(profile: HardwareProfile, device: str) -> bool:
    """Whether the profile's numbers come from a device of this name."""
    return any(device in text for text in (profile.device, *profile.evidence.sources))


def require_measurable(profile: HardwareProfile, order: MeasureOrder) -> None:
    """Refuse to choose by measurements of something else than the target.

    Raises:
        UserError: if the target cannot be measured this way.
    """
    own = _ENGINES.get(profile.engine)
    if order.via is None and (own not in HERE or not made_on(profile, cpu_name())):
        raise UserError(
            f"--measure-finalists: target {profile.name} is {profile.device}, which is not this machine "
            f"({cpu_name()}); name the device with --via ssh://user@host or adb://SERIAL"
        )


def check_latencies(
    subjects: Sequence[Subject], target: Target, engine: Engine, watch: Watch, *, here: bool
) -> dict[str, Any]:
    """Time every network in turn, several rounds, and set the times beside the predictions.

    Args:
        subjects: what to time; at least one.
        target: predicts.
        engine: measures.
        watch: hears of progress.
        here: whether the engine is this machine's.

    Returns:
        Plain data: what ``latency.json`` of a run holds.
    """
    times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    failed: dict[str, str] = {}
    busy = 0
    for step in range(ROUNDS * len(subjects)):
        subject = subjects[step % len(subjects)]
        watch.progress("measuring", step, ROUNDS * len(subjects), subject.name)
        if subject.name in failed:
            continue
        try:
            timing = subject.time(engine, seconds=SECONDS)
        except MeasuringError as error:
            failed[subject.name] = str(error)
            continue
        busy += timing.busy
        times[subject.name].append(timing.latency_ms)
    watch.progress("measuring", 1, 1)
    rows = [_row(subject, target, times[subject.name], failed.get(subject.name)) for subject in subjects]
    return {
        "target": target.profile.name,
        "device": engine.device(),
        "engine": engine.name,
        "precision": engine.settings.precision,
        "threads": engine.settings.threads,
        "differs_from_target": differences(target.profile, engine, here=here),
        "rounds": ROUNDS,
        "busy_measurements": busy,
        "networks": rows,
        **summary(rows),
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the errors of the predictions, and the noise: the median spread between rounds."""
    good = [row for row in rows if row["measured_ms"] is not None]
    if not good:
        return {"median_error": None, "within_interval": None, "noise": None}
    errors = [abs(row["predicted_ms"] / row["measured_ms"] - 1) for row in good]
    return {
        "median_error": statistics.median(errors),
        "within_interval": sum(row["within_interval"] for row in good) / len(good),
        "noise": statistics.median(row["spread"] for row in good),
    }


def _row(subject: Subject, target: Target, times_ms: Sequence[float], error: str | None) -> dict[str, Any]:
    estimate = subject.predict(target)
    low_ms, high_ms = estimate.interval_ms
    measured_ms = statistics.median(times_ms) if times_ms else None
    return {
        "name": subject.name,
        "digest": subject.digest,
        "predicted_ms": estimate.latency_ms,
        "interval_ms": [low_ms, high_ms],
        "measured_ms": measured_ms,
        "spread": (max(times_ms) - min(times_ms)) / measured_ms if measured_ms else None,
        "within_interval": measured_ms is not None and low_ms <= measured_ms <= high_ms,
        "error": error,
    }
