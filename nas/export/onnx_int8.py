"""ONNX with 8-bit integers: quantised statically by ONNX Runtime, in QDQ form, weights per output channel.

Activations are unsigned and asymmetric, weights signed and symmetric: what ONNX Runtime's CPU kernels take. Ranges are
the smallest and largest values seen on images of the training split. In networks with attention or layer norm only
convolutions and matrix products become integers: softmax, norms and GELU lose too much.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import NasError, first_line
from nas.export.formats import ModelFacts, require_images
from nas.export.onnx import OnnxExporter, onnx_snippet, open_session
from nas.export.usage import Snippet
from nas.silence import silent

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.export.formats import Run

_PRODUCTS = ("Conv", "MatMul", "Gemm")
_DELICATE = frozenset({"Softmax", "LayerNormalization", "Gelu", "Erf", "ReduceL2", "InstanceNormalization"})
_SYMMETRIC = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "AddQDQPairToWeight": True,
    "OpTypesToExcludeOutputQuantization": list(_PRODUCTS),
}
_BATCH = 16


@dataclass(frozen=True, slots=True)
class OnnxInt8Exporter:
    """Writes floating-point ONNX, quantises it and runs the result in ONNX Runtime.

    Attributes:
        calibration: (N, C, H, W) images that give the ranges; None until `calibrated`.
    """

    calibration: Tensor | None = None
    suffix: str = ".int8.onnx"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float | None = None
    folds: bool = True
    needs: tuple[str, ...] = ()
    extra: str = ""

    def calibrated(self, images: Tensor) -> OnnxInt8Exporter:
        """Return the exporter that takes its ranges from `images` (N, C, H, W)."""
        return replace(self, calibration=images)

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            UserError: without calibration images.
            NasError: if the module cannot be exported or quantised.
        """
        proto = quantised(module, facts, self.calibration, format_name="onnx-int8")
        runs.write_atomic(path, proto.SerializeToString())

    def load(self, path: Path) -> Run:
        """Open `path` in ONNX Runtime, which runs integer kernels."""
        return open_session(path)

    def load_plain(self, path: Path) -> Run:
        """Open `path` in ONNX Runtime without rewriting: it rounds, and computes in floating point."""
        return open_session(path, optimise=False)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        return onnx_snippet(path, facts)


EXPORTER = OnnxInt8Exporter()


def quantised(
    module: nn.Module, facts: ModelFacts, images: Tensor | None, *, format_name: str, symmetric: bool = False
) -> Any:
    """Return `module` as ONNX in QDQ form.

    Args:
        module: in eval mode, on the CPU.
        facts: what the file says about the network.
        images: (N, C, H, W) that give the ranges.
        format_name: for the message of an error.
        symmetric: write what TensorRT takes: all integers signed with zero point 0, floating-point weights behind
            a rounding of their own, biases in floating point, and rounding only of what a product is given.

    Raises:
        UserError: without calibration images.
        NasError: if the module cannot be exported or quantised.
    """
    import onnx

    given = require_images(images, format_name)
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        OnnxExporter().export(module, source, facts)
        with silent():
            try:
                _quantise(_prepared(source), made, given, symmetric=symmetric)
            except Exception as error:  # the quantiser fails on graphs it does not know in many ways
                raise NasError(f"{format_name}: the network cannot be quantised: {first_line(error)}") from error
        proto = onnx.load(made)
    onnx.helper.set_model_props(proto, facts.metadata("NCHW"))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _prepared(source: Path) -> Path:
    """Return the graph with its constants folded and shapes known, where ONNX Runtime's preparation takes it."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_name("prepared.onnx")
    try:
        quant_pre_process(str(source), str(prepared))
    except Exception:  # optional, and it fails on some sound graphs in ways of its own
        return source
    return prepared


def _quantise(source: Path, made: Path, images: Tensor, *, symmetric: bool) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    kinds = {node.op_type for node in onnx.load(source).graph.node}
    quantize_static(
        str(source),
        str(made),
        _Reader(images),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(_PRODUCTS) if symmetric or kinds & _DELICATE else None,
        per_channel=True,
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options=_SYMMETRIC if symmetric else None,
    )


class _Reader:
    """Gives the calibration images as ONNX Runtime asks for them."""

    def __init__(self, images: Tensor) -> None:
        self._batches: Iterator[dict[str, Any]] = (
            {"image": images[i : i + _BATCH].float().numpy()} for i in range(0, len(images), _BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch; None at the end."""
        return next(self._batches, None)
