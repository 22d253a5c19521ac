"""PyTorch itself on this machine's CPU, eager: no export, and no fusion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas.errors import first_line
from nas.hardware.measure.convert import random_image
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.engine import InputShape, MeasuringError, Settings
from nas.hardware.measure.timing import Timing, time_call

if TYPE_CHECKING:
    from torch import nn

NAME = "PyTorch"
_MIN_RUNS = 10


@dataclass(frozen=True, slots=True)
class TorchCpu:
    """Times a module as it is, in inference mode."""

    settings: Settings = field(default_factory=Settings)
    name: str = NAME

    def device(self) -> str:
        """Return the CPU's name."""
        return cpu_name()

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Time a module for about `seconds`.

        Raises:
            MeasuringError: if the module cannot run.
        """
        import torch

        module, image = module.eval(), torch.from_numpy(random_image(input_shape))
        threads, before = self.settings.threads or 1, torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                module(image)
                return time_call(lambda: module(image), seconds=seconds, min_runs=_MIN_RUNS, threads=threads)
        except (RuntimeError, ValueError, TypeError) as error:
            raise MeasuringError(f"PyTorch cannot run it: {first_line(error)}") from error
        finally:
            torch.set_num_threads(before)
