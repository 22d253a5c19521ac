"""TFLite with 8-bit integers throughout, input and output too: for the Edge TPU, and for phones.

Ranges are the smallest and largest values seen on images of the training split; the quantiser's own default, a moving
average, cuts them off (docs/log.md: 22 dB more noise). Convolutions have a scale per output channel;
fully connected layers have one for all their weights, because those with more return a constant in the generation of
TensorFlow Lite that the Edge TPU's compiler belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import NasError, first_line
from nas.export.flatbuffer import sealed
from nas.export.formats import ModelFacts, require_images
from nas.export.tflite import converted, open_interpreter
from nas.export.usage import Snippet, python
from nas.silence import silent

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.export.formats import Run

_STILL = 1e-6  # activations that differ by less are taken to be one number


@dataclass(frozen=True, slots=True)
class TfliteInt8Exporter:
    """Converts with litert-torch, quantises with ai-edge-quantizer, runs in LiteRT with XNNPACK on the CPU.

    Attributes:
        calibration: (N, C, H, W) images that give the ranges; None until `calibrated`.
    """

    calibration: Tensor | None = None
    suffix: str = ".int8.tflite"
    batch_sizes: tuple[int, ...] = (1,)
    tolerance: float | None = None
    folds: bool = True
    needs: tuple[str, ...] = ("litert_torch", "ai_edge_litert", "ai_edge_quantizer")
    extra: str = "litert"

    def calibrated(self, images: Tensor) -> TfliteInt8Exporter:
        """Return the exporter that takes its ranges from `images` (N, C, H, W)."""
        return replace(self, calibration=images)

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            UserError: without calibration images.
            NasError: if the module cannot be converted or quantised.
        """
        images = require_images(self.calibration, "tflite-int8")
        model = quantised(converted(module, facts), images)
        runs.write_atomic(path, sealed(model, facts.metadata("NHWC")))

    def load(self, path: Path) -> Run:
        """Open `path` in LiteRT with XNNPACK's kernels."""
        return open_interpreter(path)

    def load_plain(self, path: Path) -> Run:
        """Open `path` in LiteRT with its own kernels."""
        return open_interpreter(path, plain=True)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        integers = "np.clip(np.round(image[None] / scale) + zero, -128, 127).astype(np.int8)"
        return python(
            "ai_edge_litert.interpreter as litert",
            facts,
            f'network = litert.Interpreter("{path}").get_signature_runner()',
            'scale, zero = network.get_input_details()["image"]["quantization"]',
            f'print(network(image={integers})["logits"].argmax())',
        )


EXPORTER = TfliteInt8Exporter()


def quantised(model: bytes, images: Tensor) -> bytes:
    """Return a floating-point model with 8-bit weights, activations and ends.

    Args:
        model: as the converter wrote it.
        images: (N, C, H, W), normalised as in training; they give the ranges.

    Raises:
        NasError: if the quantiser does not take the model.
    """
    with silent():
        from ai_edge_litert.interpreter import Interpreter
        from ai_edge_quantizer import qtyping, quantizer, recipe

        try:
            (signature, ends), *_ = Interpreter(model_content=model).get_signature_list().items()
            work = quantizer.Quantizer(bytearray(model), recipe.static_wi8_ai8())
            work.add_static_config(
                regex=".*",
                operation_name=qtyping.TFLOperationName.FULLY_CONNECTED,
                activation_num_bits=8,
                weight_num_bits=8,
                weight_granularity=qtyping.QuantGranularity.TENSORWISE,
            )
            channel_last = images.permute(0, 2, 3, 1).contiguous().float().numpy()
            samples = {signature: [{ends["inputs"][0]: image[None]} for image in channel_last]}
            ranges = _ranges(model, work.get_quantization_recipe(), samples)
            return bytes(work.quantize(ranges, enable_progress_report=False).quantized_model)
        except Exception as error:  # the quantiser fails on operators it does not know in many ways
            raise NasError(f"tflite-int8: the network cannot be quantised: {first_line(error)}") from error


def _ranges(model: bytes, recipe: Any, samples: Mapping[str, Sequence[Any]]) -> Any:
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    work = calibrator.Calibrator(model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    work.calibrate(samples, manager)
    return {name: _widened(found) for name, found in work.get_model_qsvs().items()}


def _widened(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tensor's range; of one that never moved, as behind a dead ReLU, a range of one.

    Steps of 1e-12 would represent it as well, but XNNPACK refuses such a file.
    """
    import numpy as np

    if not {"min", "max"} <= found.keys():
        return found
    still = np.asarray(found["max"]) - np.asarray(found["min"]) < _STILL
    return {**found, "max": np.where(still, np.asarray(found["min"]) + 1.0, found["max"]).astype(np.float32)}
