"""TFLite on an Android device reached by adb: pushes a model and the user's `benchmark_model`, reads what it prints.

Formats as documented in `tensorflow/lite/tools/benchmark/README.md` and printed by TensorFlow Lite 2.x and LiteRT:
``count=50 first=... curr=... min=... max=... avg=... std=...`` in microseconds, newer ones with ``p5= median= p95=``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UserError
from nas.hardware.measure.convert import to_tflite
from nas.hardware.measure.engine import InputShape, MeasuringError, Settings
from nas.hardware.measure.timing import Timing
from nas.hardware.measure.transport import Transport, device_name, push_bytes

if TYPE_CHECKING:
    from torch import nn

NAME = "TFLite"
_MISSING = (
    "--tool is needed: the path of a benchmark_model for the device (build it from TensorFlow, or take a nightly "
    "binary: tensorflow.org/lite/performance/measurement)"
)
_RUN_SECONDS = 300.0
_COUNT = re.compile(r"count=(\d+)((?: \w+=[\d.eE+-]+)+)")
_PAIR = re.compile(r"(\w+)=([\d.eE+-]+)")
_SUMMARY = re.compile(r"Inference timings in us:.*Inference \(avg\): ([\d.eE+-]+)")
_REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs"
_COLUMN = re.compile(r"\[([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class BenchmarkModel:
    """Converts each module to TFLite and times it with benchmark_model."""

    transport: Transport
    program: str
    place: str
    settings: Settings
    name: str = NAME

    @classmethod
    def connect(cls, transport: Transport, settings: Settings, tool: str | None) -> BenchmarkModel:
        """Put benchmark_model on the device.

        Raises:
            UserError: if the device does not answer, or the program is missing or not for it.
        """
        if tool is None:
            raise UserError(_MISSING)
        if not Path(tool).is_file():
            raise UserError(f"--tool {tool}: not found; {_MISSING}")
        program = f"{transport.folder}/benchmark_model"
        transport.run(["mkdir", "-p", transport.folder], seconds=20)
        transport.push(Path(tool), program)
        transport.run(["chmod", "755", program], seconds=20)
        return cls(transport, program, device_name(transport), settings)

    def device(self) -> str:
        """Return what the device calls itself."""
        return self.place

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Convert a module and time it for about `seconds`.

        Raises:
            MeasuringError: if it cannot be converted or run.
        """
        content = to_tflite(module, input_shape, self.settings.precision)
        model = push_bytes(self.transport, content, "model.tflite")
        done = self.transport.run(self._command(model, seconds), seconds=_RUN_SECONDS)
        if done.code:
            raise MeasuringError(_why(done.output))
        profiled = self.transport.run(
            [*self._command(model, seconds), "--enable_op_profiling=true"], seconds=_RUN_SECONDS
        )
        return read_timing(done.output, profiled.output if not profiled.code else "")

    def _command(self, model: str, seconds: float) -> list[str]:
        times = [f"--min_secs={seconds:.2f}", "--max_secs=30", "--num_runs=30"]
        return [self.program, f"--graph={model}", f"--num_threads={self.settings.threads or 1}", *times]


def read_timing(output: str, profiled: str = "") -> Timing:
    """Read what benchmark_model printed.

    Args:
        output: of a run without operator profiling.
        profiled: of one with it; its times are only shares.

    Raises:
        MeasuringError: if there is no latency in it.
    """
    # The first line of its kind is the warm-up, the last the measurement.
    counted = [(int(m[1]), dict(_PAIR.findall(m[2]))) for m in _COUNT.finditer(output)]
    measured = [(runs, values) for runs, values in counted if "avg" in values]
    layers = read_layers(profiled)
    if measured:
        runs, values = measured[-1]
        median_ms = float(values.get("median") or values["avg"]) / 1e3
        lowest_ms = float(values.get("p5") or values.get("min") or values["avg"]) / 1e3
        return Timing(median_ms, lowest_ms, median_ms, runs, layers)
    summary = _SUMMARY.search(output)
    if summary is None:
        raise MeasuringError(_why(output))
    mean_ms = float(summary[1]) / 1e3
    return Timing(mean_ms, mean_ms, mean_ms, 1, layers)


def read_layers(output: str) -> tuple[tuple[str, float], ...]:
    """Return each operator with its mean time in milliseconds, in order, from the table of a profiled run."""
    table = output.partition(_REGULAR)[2].partition("Run Order")[2].partition("=====\n")[2]
    lines = iter(table.splitlines())
    header = next((line for line in lines if "[node type]" in line.lower()), "")
    names = [name.lower() for name in _COLUMN.findall(header)]
    if "avg ms" not in names or "name" not in names:
        return ()
    found = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip().split("\t")]
        if len(cells) != len(names):
            break
        row = dict(zip(names, cells, strict=True))
        found.append((f"{row['node type']} {row['name']}", float(row["avg ms"])))
    return tuple(found)


def _why(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    return f"benchmark_model gave no latency: {(told or lines or ['it said nothing'])[-1][:300]}"
