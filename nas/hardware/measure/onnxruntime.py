"""ONNX Runtime on this machine's CPU."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nas.errors import first_line
from nas.hardware.measure.convert import random_image, to_onnx
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.engine import InputShape, MeasuringError, Settings
from nas.hardware.measure.timing import Timing, time_call

if TYPE_CHECKING:
    from torch import nn

    from nas.hardware.measure.onnxruntime_nodes import InContext

NAME = "ONNX Runtime"
_MAX_RUNS = 3000  # the smallest kernels take 10 us
_MIN_RUNS = 10


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """Exports a module in memory and times it on one random image."""

    settings: Settings = field(default_factory=Settings)
    name: str = NAME

    def device(self) -> str:
        """Return the CPU's name."""
        return cpu_name()

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Time a module for about `seconds`, export apart.

        Raises:
            MeasuringError: if the module cannot be exported or run.
        """
        return self.measure_onnx(to_onnx(module, input_shape, self.settings.precision), input_shape, seconds=seconds)

    def measure_onnx(self, model: bytes, input_shape: InputShape, *, seconds: float) -> Timing:
        """Time a model for about `seconds`.

        Raises:
            MeasuringError: if it cannot be run.
        """
        return time_onnx(model, input_shape, threads=self.settings.threads or 1, seconds=seconds)

    def measure_kernels(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> InContext | None:
        """Time a module as a whole and kernel by kernel; None for int8, whose kernels are not predicted.

        Raises:
            MeasuringError: if the module cannot be exported or run.
        """
        from nas.hardware.measure.onnxruntime_nodes import measure_nodes

        if self.settings.precision != "fp32":
            return None
        model = to_onnx(module, input_shape)
        return measure_nodes(model, input_shape, threads=self.settings.threads or 1, seconds=seconds)


def measure(module: nn.Module, input_shape: InputShape, *, threads: int = 1, seconds: float = 1.0) -> Timing:
    """Time `module` in single precision, conversion apart.

    Args:
        module: any module that takes one ``(N, C, H, W)`` tensor; it is put into evaluation mode.
        input_shape: channels, height, width.
        threads: threads inside an operator.
        seconds: how long to measure, warm-up apart.
    """
    return OnnxRuntime(Settings(threads)).measure(module, input_shape, seconds=seconds)


def time_onnx(model: bytes, input_shape: InputShape, *, threads: int, seconds: float) -> Timing:
    """Time an ONNX model on one random image."""
    try:
        session, name = _session(model, threads)
        image = random_image(input_shape)
        session.run(None, {name: image})
    except Exception as error:  # the runtime's errors share no base class
        raise MeasuringError(f"ONNX Runtime cannot run it: {first_line(error)}") from error
    return time_call(
        lambda: session.run(None, {name: image}),
        seconds=seconds,
        min_runs=_MIN_RUNS,
        max_runs=_MAX_RUNS,
        threads=threads,
    )


def _session(model: bytes, threads: int) -> tuple[Any, str]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, session_options(threads), providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name


def session_options(threads: int) -> Any:
    """Return how every network is run: `threads` inside an operator, one operator at a time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
