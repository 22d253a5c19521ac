"""LiteRT (TensorFlow Lite) with XNNPACK on this machine's CPU."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.errors import UserError, first_line
from nas.hardware.measure.convert import random_image, to_tflite
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.engine import InputShape, MeasuringError, Settings
from nas.hardware.measure.timing import Timing, time_call
from nas.silence import silent

if TYPE_CHECKING:
    from torch import nn

NAME = "TFLite"
_MIN_RUNS = 10
_MAX_RUNS = 3000


@dataclass(frozen=True, slots=True)
class LiteRT:
    """Converts a module in memory and times it on one random image."""

    settings: Settings = field(default_factory=Settings)
    name: str = NAME

    def device(self) -> str:
        """Return the CPU's name."""
        return cpu_name()

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Time a module for about `seconds`, conversion apart.

        Raises:
            MeasuringError: if the module cannot be converted or run.
            UserError: if LiteRT is not installed.
        """
        threads = self.settings.threads or 1
        interpreter = _interpreter(to_tflite(module, input_shape, self.settings.precision), threads)
        _feed(interpreter, random_image(input_shape))
        return time_call(interpreter.invoke, seconds=seconds, min_runs=_MIN_RUNS, max_runs=_MAX_RUNS, threads=threads)


def _interpreter(model: bytes, threads: int) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError("engine litert needs its runtime: pip install 'nas[litert]'") from None
    try:
        with silent():
            interpreter = Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise MeasuringError(f"LiteRT cannot run it: {first_line(error)}") from error
    return interpreter


def _feed(interpreter: Any, image: Any) -> None:
    """Set the input, scaled to integers where the model takes such."""
    given = interpreter.get_input_details()[0]
    scale, zero = given["quantization"]
    if np.issubdtype(given["dtype"], np.integer):
        limits = np.iinfo(given["dtype"])
        image = np.clip(np.round(image / (scale or 1.0)) + zero, limits.min, limits.max).astype(given["dtype"])
    interpreter.set_tensor(given["index"], image)
