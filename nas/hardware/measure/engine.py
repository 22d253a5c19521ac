"""What measures a module: an engine on a device, here or over the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nas.errors import NasError

if TYPE_CHECKING:
    from torch import nn

    from nas.hardware.measure.onnxruntime_nodes import InContext
    from nas.hardware.measure.timing import Timing
    from nas.hardware.profile import Precision

InputShape = tuple[int, int, int]


class MeasuringError(NasError):
    """One network could not be measured; others may."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure.

    Attributes:
        threads: inside one operator; None where the engine has none to choose (a GPU).
        precision: of weights and activations.
    """

    threads: int | None = 1
    precision: Precision = "fp32"


class Engine(Protocol):
    """Times modules, batch 1, on random images.

    Attributes:
        name: as profiles call it, e.g. ``ONNX Runtime``.
        settings: threads and precision.
    """

    @property
    def name(self) -> str:
        """As profiles call it, e.g. ``ONNX Runtime``."""

    @property
    def settings(self) -> Settings:
        """Threads and precision."""

    def device(self) -> str:
        """Say what it runs on, as the device itself does."""

    def measure(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> Timing:
        """Time a module for about `seconds`, conversion apart.

        Args:
            module: any that takes one ``(N, C, H, W)`` tensor; it is put into evaluation mode.
            input_shape: channels, height, width.
            seconds: of timing.

        Raises:
            MeasuringError: if this module cannot be converted or run.
            UserError: if nothing can be measured there, such as a device that does not answer.
        """


@runtime_checkable
class TakesOnnx(Protocol):
    """An engine that times an ONNX file as it is."""

    def measure_onnx(self, model: bytes, input_shape: InputShape, *, seconds: float) -> Timing:
        """Time a model for about `seconds`; its integers stay integers, whatever the settings say.

        Raises:
            MeasuringError: if this model cannot be run.
        """


@runtime_checkable
class TellsKernels(Protocol):
    """An engine that tells the time of every kernel of a network, which then has its caches as they really are."""

    def measure_kernels(self, module: nn.Module, input_shape: InputShape, *, seconds: float) -> InContext | None:
        """Time a module as a whole and kernel by kernel, for about `seconds`; None if these settings forbid it.

        Raises:
            MeasuringError: if this module cannot be converted or run.
        """
