"""ONNX Runtime on a device reached by ssh: a small script there needs only onnxruntime and numpy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UserError
from nas.hardware.measure import on_device
from nas.hardware.measure.convert import to_onnx
from nas.hardware.measure.engine import InputShape, MeasuringError, Settings
from nas.hardware.measure.timing import Timing, timing_of
from nas.hardware.measure.transport import Transport, device_name, found_program, push_bytes

if TYPE_CHECKING:
    from torch import nn

NAME = "ONNX Runtime"
_MISSING_PYTHON = "python3 was not found; say where it is with --tool PATH"
_RUN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class RemoteOnnxRuntime:
    """Ships each module as ONNX and times it there."""

    transport: Transport
    python: str
    place: str
    settings: Settings
    name: str = NAME

    @classmethod
    def connect(cls, transport: Transport, settings: Settings, tool: str | None) -> RemoteOnnxRuntime:
        """Put the script on the device.

        Raises:
            UserError: if the device does not answer, or lacks Python, onnxruntime or numpy.
        """
        python = found_program(transport, (tool or "python3",), _MISSING_PYTHON)
        asked = transport.run([python, "-c", "import numpy, onnxruntime"], seconds=60)
        if asked.code:
            last = (asked.output.strip().splitlines() or ["it said nothing"])[-1]
            advice = f"install them there: {python} -m pip install onnxruntime numpy"
            raise UserError(f"{transport.place}: {python} cannot import onnxruntime and numpy ({last}); {advice}")
        transport.run(["mkdir", "-p", transport.folder], seconds=20)
        transport.push(Path(on_device.__file__), f"{transport.folder}/on_device.py")
        return cls(transport, python, device_name(transport), settings)

    def device(self) -> str:
        """Return what the device calls itself."""
        return self.place

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Ship a module and time it for about `seconds`.

        Raises:
            MeasuringError: if it cannot be exported or run.
        """
        return self.measure_onnx(to_onnx(module, input_shape, self.settings.precision), input_shape, seconds=seconds)

    def measure_onnx(self, model: bytes, input_shape: InputShape, *, seconds: float) -> Timing:  # noqa: ARG002
        """Ship a model and time it for about `seconds`.

        Raises:
            MeasuringError: if it cannot be run.
        """
        file = push_bytes(self.transport, model, "model.onnx")
        options = ["--threads", str(self.settings.threads or 1), "--seconds", f"{seconds:g}"]
        command = [self.python, f"{self.transport.folder}/on_device.py", file, *options]
        return read_timing(self.transport.run(command, seconds=_RUN_SECONDS).output)


def read_timing(output: str) -> Timing:
    """Read the last line that the script printed.

    Raises:
        MeasuringError: if it is not what the script prints at its end.
    """
    lines = [line for line in output.splitlines() if line.strip()] or ["it said nothing"]
    figures = [line for line in lines if line.startswith('{"wall_ms"')]
    if not figures:
        raise MeasuringError(f"ONNX Runtime there gave no latency: {lines[-1][:300]}")
    found = json.loads(figures[-1])
    return timing_of(found["wall_ms"], found["cpu_ms"])
