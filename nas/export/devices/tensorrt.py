"""Jetson and other NVIDIA GPUs: whether TensorRT's ONNX parser takes every operator, by its documentation.

Nothing falls back: one operator that the parser does not take, and there is no engine. Operators, operator sets and
conditions: docs/operators.md of onnx/onnx-tensorrt, of TensorRT 9.2 and 10.15; what only the newer has is left out,
but for Gelu, which is in that of 10.0 already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.export.legality import Legality, grouped
from nas.export.tensorrt import MODEL

OPSETS = range(9, 21)
"""Operator sets that TensorRT 10.0 reads."""

_LISTED = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast CastLike Ceil Celu
Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout
Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax
Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
LpNormalization LpPool MatMul Max MaxPool Mean MeanVarianceNormalization Min Mod Mul Neg Not OneHot Or PRelu Pad
Pow QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Shrink Sigmoid
Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh
ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
OPERATORS = frozenset(_LISTED.split())
_AXES_INPUT = {"Squeeze": 1, "Unsqueeze": 1, "Slice": 3, "CumSum": 1} | {
    f"Reduce{kind}": 1 for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
}
_POOLS = ("AveragePool", "MaxPool", "LpPool")
_ROUNDING = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, slots=True)
class TensorRt:
    """NVIDIA's TensorRT."""

    formats: tuple[str, ...] = ("tensorrt", "tensorrt-int8")

    def check(self, path: Path) -> Legality:
        """Say what TensorRT's parser would make of the ONNX in the folder `path`."""
        import onnx

        model = onnx.load(path / MODEL)
        nodes = model.graph.node
        refused = grouped((i, node.op_type, why) for i, node in enumerate(nodes) for why in reasons(node, model))
        return Legality(
            device="TensorRT",
            operators=len(nodes),
            fallback=(),
            fallback_operators=0,
            fallback_macs_share=0.0,
            problems=(*_of_opset(model), *(f.line() for f in refused)),
            notes=(),
            not_run=("by TensorRT: no engine was built here; build.sh builds it on the device",),
            evidence="by the documentation of its ONNX parser",
        )


DEVICE = TensorRt()


def reasons(node: Any, model: Any) -> Iterator[str]:
    """Say why the parser does not take a node; nothing if it does."""
    kind = node.op_type
    if node.domain not in ("", "ai.onnx") or kind not in OPERATORS:
        yield "not in the parser's list"
        return
    constants = {c.name: c for c in model.graph.initializer} | {
        n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant"
    }
    place = _AXES_INPUT.get(kind)
    if place is not None and _given(node, place) and node.input[place] not in constants:
        yield "its axes are computed, not constant"
    if kind in _POOLS and any(d != 1 for d in _integers(node, "dilations")):
        yield "it is dilated"
    if kind in _POOLS and len(_integers(node, "kernel_shape")) not in (2, 3):
        yield "it pools over neither two nor three axes"
    if kind in ("MaxPool", "LayerNormalization") and len([name for name in node.output if name]) > 1:
        yield "more than its first output is used"
    if kind in _ROUNDING:
        yield from _of_rounding(node, constants)


def _of_rounding(node: Any, constants: dict[str, Any]) -> Iterator[str]:
    from onnx import TensorProto, numpy_helper

    zero = constants.get(node.input[2]) if _given(node, 2) else None
    if zero is None:
        yield "its zero point is not constant, or not signed"
        return
    if zero.data_type != TensorProto.INT8:
        yield "its integers are not signed 8-bit ones"
    if numpy_helper.to_array(zero).any():
        yield "its zero point is not 0"


def _of_opset(model: Any) -> Collection[str]:
    found = {entry.domain: entry.version for entry in model.opset_import}.get("", 0)
    return () if found in OPSETS else (f"operator set {found}, the parser reads {OPSETS[0]} to {OPSETS[-1]}",)


def _given(node: Any, place: int) -> bool:
    return len(node.input) > place and bool(node.input[place])


def _integers(node: Any, name: str) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == name), [])
