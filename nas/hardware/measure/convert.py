"""A module as the file that an engine runs."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.errors import UserError, first_line
from nas.hardware.measure.engine import InputShape, MeasuringError
from nas.silence import quiet, silent

if TYPE_CHECKING:
    from torch import nn

    from nas.hardware.profile import Precision

_OPSET = 20
_CALIBRATION_IMAGES = 4


def random_image(input_shape: InputShape, seed: int = 0) -> Any:
    """Return one random image ``(1, C, H, W)`` in float32."""
    return np.random.default_rng(seed).standard_normal((1, *input_shape), dtype=np.float32)


def to_onnx(module: nn.Module, input_shape: InputShape, precision: Precision = "fp32") -> bytes:
    """Export a module with a batch of 1.

    The older exporter writes a block in a hundredth of the time of the newer, and the two ran equally fast in ONNX
    Runtime on blocks and networks; the newer takes what the older cannot.

    Raises:
        MeasuringError: if neither exporter takes the module.
    """
    import torch

    example = (torch.zeros(1, *input_shape),)
    module = module.eval()
    with quiet():
        try:
            buffer = io.BytesIO()
            torch.onnx.export(
                module,
                example,
                buffer,  # type: ignore[arg-type]  # the older exporter takes any file object
                dynamo=False,
                opset_version=_OPSET,
                input_names=["image"],
            )
            model = buffer.getvalue()
        except Exception:  # tracing runs the module's own code: any error may come out of it
            model = _export_newer(module, example)
        return model if precision != "int8" else _to_int8(model, input_shape)


def to_tflite(module: nn.Module, input_shape: InputShape, precision: Precision = "fp32") -> bytes:
    """Convert a module with a batch of 1; for int8, activations are calibrated on random images.

    Raises:
        UserError: if the converter is not installed.
        MeasuringError: if it cannot convert the module.
    """
    with silent():
        try:
            import litert_torch
        except ImportError:
            raise UserError("engine litert needs a converter: pip install 'nas[litert]'") from None
        import torch

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            try:
                litert_torch.convert(module.eval(), (torch.zeros(1, *input_shape),)).export(str(path))
                return path.read_bytes() if precision != "int8" else _quantized_tflite(path, input_shape)
            except Exception as error:  # the converter runs the module's code and a compiler
                raise MeasuringError(f"cannot be converted to TFLite: {first_line(error)}") from error


def _export_newer(module: nn.Module, example: tuple[Any, ...]) -> bytes:
    import torch

    try:
        program = torch.onnx.export(module, example, input_names=["image"], dynamo=True, verbose=False)
    except Exception as error:  # as above
        raise MeasuringError(f"cannot be exported to ONNX: {first_line(error)}") from error
    assert program is not None  # only the older exporter returns nothing
    return bytes(program.model_proto.SerializeToString())


def _to_int8(model: bytes, input_shape: InputShape) -> bytes:
    """Quantise statically with signed weights per channel; random images give the ranges."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package is untyped
        def __init__(self) -> None:
            self._images = iter([{"image": random_image(input_shape, seed)} for seed in range(_CALIBRATION_IMAGES)])

        def get_next(self) -> Any:
            return next(self._images, None)

    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model)
        try:
            quantize_static(
                str(source),
                str(made),
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:  # the quantiser fails on graphs it does not know in many ways
            raise MeasuringError(f"cannot be quantised to int8: {first_line(error)}") from error
        return made.read_bytes()


def _quantized_tflite(path: Path, input_shape: InputShape) -> bytes:
    from ai_edge_quantizer import quantizer, recipe

    work = quantizer.Quantizer(str(path))
    work.load_quantization_recipe(recipe.static_wi8_ai8())
    interpreter = _interpreter(path.read_bytes())
    signature = next(iter(interpreter.get_signature_list()))
    name = interpreter.get_signature_list()[signature]["inputs"][0]
    images = [{name: random_image(input_shape, seed)} for seed in range(_CALIBRATION_IMAGES)]
    return bytes(work.quantize(work.calibrate({signature: images})).quantized_model)


def _interpreter(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=model)
