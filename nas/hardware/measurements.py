"""What was measured on one device, appended to a file at once: an interrupted profile loses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas import runs
from nas.errors import UserError
from nas.hardware.measure.onnxruntime_nodes import NodeTime
from nas.hardware.measure.timing import Timing
from nas.hardware.samples import Sample, read_sample, sample_key

SUFFIX = ".measurements.jsonl"


@dataclass(frozen=True, slots=True)
class Setup:
    """What the measurements of one file share.

    Attributes:
        device: as it names itself.
        engine: as profiles call it.
        precision: of weights and activations.
        threads: inside one operator; None where there is no choice.
    """

    device: str
    engine: str
    precision: str
    threads: int | None

    def describe(self) -> str:
        """Say it in a line."""
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}" if self.threads else ""
        return f"{self.engine} on {self.device}, {self.precision}{threads}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One sample and its latency, with its kernels where the engine tells them; `error` says why there is none."""

    sample: Sample
    key: str
    latency_ms: float
    seconds: float
    error: str = ""
    kernels: tuple[NodeTime, ...] = ()


@dataclass
class MeasurementFile:
    """The measurements of one device in order, on disk before each call returns."""

    path: Path
    setup: Setup
    measured: list[Measured] = field(default_factory=list)
    reference_ms: list[float] = field(default_factory=list)
    busy: int = 0
    seconds: float = 0.0

    @classmethod
    def open(cls, path: Path, setup: Setup) -> MeasurementFile:
        """Begin a file, or take up an earlier one.

        Raises:
            UserError: if it holds measurements of another device, engine or precision, or is damaged.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = cls(path, setup)
        records = runs.RunDirectory(path.parent).recover_records(path.name)
        if not records:
            runs.append_record(path, {"setup": _plain(setup)})
            return opened
        before = Setup(**records[0].get("setup", {"device": "?", "engine": "?", "precision": "?", "threads": None}))
        if before != setup:
            raise UserError(
                f"{path}: measured with {before.describe()}, now it is {setup.describe()}; "
                "give another --out, or remove the file"
            )
        for number, record in enumerate(records[1:], start=2):
            try:
                opened._take(record)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{path}, line {number}: not a measurement ({error!r})") from None
        return opened

    def add(self, sample: Sample, timing: Timing, seconds: float, kernels: Sequence[NodeTime] = ()) -> Measured:
        """Keep a latency, and those of the kernels where the engine tells them."""
        rows = {"kernels": [[*node.signature, round(node.time_ms, 6)] for node in kernels]} if kernels else {}
        return self._append({"spec": sample.spec, **_figures(timing), **rows, "seconds": round(seconds, 4)})

    def add_failure(self, sample: Sample, error: str, seconds: float) -> Measured:
        """Keep that a sample cannot be measured, so that it is not tried again."""
        return self._append({"spec": sample.spec, "error": error, "seconds": round(seconds, 4)})

    def add_reference(self, timing: Timing, seconds: float) -> None:
        """Keep a latency of the reference network, measured again and again in between."""
        self._append_raw({"reference": True, **_figures(timing), "seconds": round(seconds, 4)})

    def good(self, *, whole: bool) -> Iterator[Measured]:
        """Yield the whole networks, or all else, that have a latency."""
        return (m for m in self.measured if not m.error and m.sample.whole is whole)

    @property
    def keys(self) -> set[str]:
        """The keys of everything tried."""
        return {m.key for m in self.measured}

    def _append(self, record: dict[str, Any]) -> Measured:
        self._append_raw(record)
        return self.measured[-1]

    def _append_raw(self, record: dict[str, Any]) -> None:
        runs.append_record(self.path, record)
        self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        self.seconds += record["seconds"]
        if "error" not in record:
            self.busy += bool(record["busy"])
        if "reference" in record:
            self.reference_ms.append(record["latency_ms"])
            return
        sample = read_sample(record["spec"])
        latency_ms = float(record.get("latency_ms", 0.0))
        key = sample_key(sample.spec)
        kernels = tuple(
            NodeTime((name, tuple(sizes), tuple(joined)), ms) for name, sizes, joined, ms in record.get("kernels", ())
        )
        error = record.get("error", "")
        self.measured.append(Measured(sample, key, latency_ms, record["seconds"], error, kernels))


def _figures(timing: Timing) -> dict[str, Any]:
    names = ("latency_ms", "median_ms", "p10_ms", "cpu_median_ms")
    figures = {name: float(f"{getattr(timing, name):.6g}") for name in names}
    layers = {"layers": [list(layer) for layer in timing.layers]} if timing.layers else {}
    return {**figures, "runs": timing.runs, "busy": timing.busy, **layers}


def _plain(setup: Setup) -> dict[str, Any]:
    return {name: getattr(setup, name) for name in ("device", "engine", "precision", "threads")}
