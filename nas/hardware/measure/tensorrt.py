"""TensorRT on a device reached by ssh: ships ONNX, runs `trtexec`, reads what it wrote.

Formats as trtexec writes them: `samples/trtexec` and `samples/common/sampleReporting.cpp` of NVIDIA/TensorRT, releases
8.x and 10.x. Times are those of the GPU's own clock, ``endComputeMs - startComputeMs``; copies are not in them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.hardware.measure.convert import to_onnx
from nas.hardware.measure.engine import InputShape, MeasuringError, Settings
from nas.hardware.measure.timing import Timing, timing_of
from nas.hardware.measure.transport import Transport, device_name, found_program, push_bytes

if TYPE_CHECKING:
    from torch import nn

NAME = "TensorRT"
_PROGRAMS = ("trtexec", "/usr/src/tensorrt/bin/trtexec")  # the second is where JetPack puts it
_MISSING = (
    "trtexec was not found (looked for it on the PATH and in /usr/src/tensorrt/bin); it comes with TensorRT "
    "(JetPack: the package libnvinfer-bin); say where it is with --tool PATH"
)
_BUILD_SECONDS = 600.0  # a builder tries many kernels for each layer
_SUMMARY = re.compile(r"GPU Compute Time: (?P<values>.*)")
_VALUE = re.compile(r"(?P<name>min|max|mean|median)\s*=?\s*(?P<ms>[\d.eE+-]+)\s*ms")


@dataclass(frozen=True, slots=True)
class TensorRT:
    """Builds and times an engine for each module."""

    transport: Transport
    program: str
    place: str
    settings: Settings
    name: str = NAME

    @classmethod
    def connect(cls, transport: Transport, settings: Settings, tool: str | None) -> TensorRT:
        """Find trtexec on the device.

        Raises:
            UserError: if the device does not answer or has none.
        """
        program = found_program(transport, (tool,) if tool else _PROGRAMS, _MISSING)
        transport.run(["mkdir", "-p", transport.folder], seconds=20)
        return cls(transport, program, device_name(transport), settings)

    def device(self) -> str:
        """Return what the device calls itself."""
        return self.place

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Build an engine and time it for about `seconds`.

        Raises:
            MeasuringError: if it cannot be built or run.
        """
        return self.measure_onnx(to_onnx(module, input_shape), input_shape, seconds=seconds)

    def measure_onnx(self, model: bytes, input_shape: InputShape, *, seconds: float) -> Timing:  # noqa: ARG002
        """Build an engine from a model and time it for about `seconds`; trtexec takes a free batch as 1.

        Raises:
            MeasuringError: if it cannot be built or run.
        """
        folder = self.transport.folder
        file = push_bytes(self.transport, model, "model.onnx")
        done = self.transport.run(self._command(file, seconds), seconds=_BUILD_SECONDS + seconds)
        if done.code:
            raise MeasuringError(f"trtexec failed: {last_error(done.output)}")
        return read_timing(done.output, self._read(f"{folder}/times.json"), self._read(f"{folder}/profile.json"))

    def _read(self, path: str) -> str:
        done = self.transport.run(["cat", path], seconds=60)
        return "" if done.code else done.output

    def _command(self, file: str, seconds: float) -> list[str]:
        folder = self.transport.folder
        precision = [f"--{self.settings.precision}"] if self.settings.precision != "fp32" else []
        return [
            self.program,
            f"--onnx={file}",
            *precision,
            "--warmUp=200",
            f"--duration={max(1, round(seconds))}",
            "--noDataTransfers",
            "--useSpinWait",
            "--separateProfileRun",  # a profiled run is slower; times come from the other
            "--dumpProfile",
            f"--exportTimes={folder}/times.json",
            f"--exportProfile={folder}/profile.json",
        ]


def read_timing(output: str, times: str, profile: str) -> Timing:
    """Read what trtexec printed and wrote.

    Args:
        output: what it printed; its summary is used where `times` is not readable.
        times: of ``--exportTimes``: a list with one entry a run.
        profile: of ``--exportProfile``: the number of runs, then one entry a layer.

    Raises:
        MeasuringError: if there is no time in either.
    """
    layers = read_layers(profile)
    runs_ms = _runs_ms(times)
    if runs_ms:
        return timing_of(runs_ms, layers=layers)
    summary = _SUMMARY.search(output)
    values = {m["name"]: float(m["ms"]) for m in _VALUE.finditer(summary["values"])} if summary else {}
    median_ms = values.get("median", values.get("mean"))
    if median_ms is None:
        raise MeasuringError("trtexec printed no GPU Compute Time and wrote no times")
    return Timing(median_ms, values.get("min", median_ms), median_ms, 1, layers)


def read_layers(profile: str) -> tuple[tuple[str, float], ...]:
    """Return each layer's name with its mean time in milliseconds, from ``--exportProfile``; empty if unreadable."""
    return tuple((str(entry["name"]), float(entry["averageMs"])) for entry in _entries(profile) if "averageMs" in entry)


def last_error(output: str) -> str:
    """Return the last line that trtexec marked as an error, or its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "[E]" in line]
    return (errors or lines or ["it said nothing"])[-1][:300]


def _runs_ms(times: str) -> list[float]:
    entries = _entries(times)
    spans = [e["endComputeMs"] - e["startComputeMs"] for e in entries if {"startComputeMs", "endComputeMs"} <= set(e)]
    return [span for span in spans if span > 0]


def _entries(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
