"""TensorRT with 8-bit integers: the folder of `nas.export.tensorrt` with ONNX whose scales TensorRT reads.

Signed integers with zero point 0 throughout, as TensorRT asks for; convolutions and matrix products compute with them,
the rest in half precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas.export.folder import write_folder
from nas.export.formats import ModelFacts
from nas.export.onnx import open_session
from nas.export.onnx_int8 import quantised
from nas.export.tensorrt import MODEL, device_snippet, documents
from nas.export.usage import Snippet

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.export.formats import Run


@dataclass(frozen=True, slots=True)
class TensorrtInt8Exporter:
    """Writes the folder for an engine of 8-bit integers; runs its ONNX in ONNX Runtime.

    Attributes:
        calibration: (N, C, H, W) images that give the ranges; None until `calibrated`.
    """

    calibration: Tensor | None = None
    suffix: str = ".int8.tensorrt"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float | None = None
    folds: bool = True
    needs: tuple[str, ...] = ()
    extra: str = ""

    def calibrated(self, images: Tensor) -> TensorrtInt8Exporter:
        """Return the exporter that takes its ranges from `images` (N, C, H, W)."""
        return replace(self, calibration=images)

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write the folder `path`, whole or not at all.

        Raises:
            UserError: without calibration images.
            NasError: if the module cannot be exported or quantised.
        """
        proto = quantised(module, facts, self.calibration, format_name="tensorrt-int8", symmetric=True)
        write_folder(path, documents(proto, module, facts, ("int8", "fp16")))

    def load(self, path: Path) -> Run:
        """Open the folder's ONNX in ONNX Runtime, which runs integer kernels."""
        return open_session(path / MODEL)

    def load_plain(self, path: Path) -> Run:
        """Open the folder's ONNX in ONNX Runtime without rewriting: it rounds, and computes in floating point."""
        return open_session(path / MODEL, optimise=False)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:  # noqa: ARG002
        """Return the lines that run the folder at `path`."""
        return device_snippet(path)


EXPORTER = TensorrtInt8Exporter()
