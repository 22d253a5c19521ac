"""ExecuTorch with 8-bit integers, quantised after training (PT2E) for XNNPACK: ends stay in floating point.

Weights are symmetric with a scale per output channel, activations asymmetric with ranges from images of the training
split. What XNNPACK's quantiser does not know, such as softmax and layer norm, stays in floating point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, torch_compat
from nas.errors import NasError, first_line
from nas.export.executorch import lowered, open_program, program_snippet
from nas.export.formats import ModelFacts, require_images
from nas.export.torch import exported
from nas.export.usage import Snippet
from nas.silence import silent

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.export.formats import Run

_NAME = "executorch-int8"


@dataclass(frozen=True, slots=True)
class ExecutorchInt8Exporter:
    """Quantises a program of `torch.export`, lowers it to XNNPACK and runs it in ExecuTorch's runtime.

    Attributes:
        calibration: (N, C, H, W) images that give the ranges; None until `calibrated`.
    """

    calibration: Tensor | None = None
    suffix: str = ".int8.pte"
    batch_sizes: tuple[int, ...] = (1,)
    tolerance: float | None = None
    folds: bool = True
    needs: tuple[str, ...] = ("executorch", "torchao")
    extra: str = "executorch"

    def calibrated(self, images: Tensor) -> ExecutorchInt8Exporter:
        """Return the exporter that takes its ranges from `images` (N, C, H, W)."""
        return replace(self, calibration=images)

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            UserError: without calibration images.
            NasError: if the module cannot be exported, quantised or lowered.
        """
        images = require_images(self.calibration, _NAME)
        program = exported(module, facts, _NAME, any_batch=False)
        integers = exported(_quantised(program.module(), images), facts, _NAME, any_batch=False)
        runs.write_atomic(path, lowered(integers, _NAME))

    def load(self, path: Path) -> Run:
        """Open `path` in ExecuTorch's runtime."""
        return open_program(path)

    def load_plain(self, path: Path) -> None:  # noqa: ARG002
        """Return nothing: a program holds XNNPACK's kernels and no others."""
        return

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        return program_snippet(path, facts)


EXPORTER = ExecutorchInt8Exporter()


def _quantised(module: Any, images: Tensor) -> Any:
    import torch

    torch_compat.prepare()
    with silent(), torch.no_grad():
        from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
            XNNPACKQuantizer,
            get_symmetric_quantization_config,
        )
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

        quantiser = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
        try:
            observed = prepare_pt2e(module, quantiser)
            for image in images.float():
                observed(image[None])
            return convert_pt2e(observed)
        except Exception as error:  # the quantiser fails on graphs it does not know in many ways
            raise NasError(f"{_NAME}: the network cannot be quantised: {first_line(error)}") from error
