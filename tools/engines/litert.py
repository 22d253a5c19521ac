"""The operators of a network that litert-torch has converted: LiteRT's Python interface has no profiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from torch import nn

from nas.hardware.measure.convert import to_tflite
from nas.hardware.signature import Signature, Signatures

RULES = "litert-xnnpack"
SIGNATURES = Signatures()
_FREE = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_COPIES = frozenset({"TRANSPOSE", "CONCATENATION", "SLICE", "STRIDED_SLICE", "PAD", "PADV2", "SPLIT", "GATHER"})
_NAMES = {
    **{"LOGISTIC": "sigmoid", "MAX_POOL_2D": "max_pool", "AVERAGE_POOL_2D": "avg_pool", "REDUCE_MAX": "amax"},
}
_ACTIVATIONS = {0: (), 1: ("relu",), 3: ("relu6",)}


def kernels(module: nn.Module, input_shape: tuple[int, int, int]) -> Counter[Signature]:
    """Convert `module` and count its operators; reshapes are left out."""
    data = to_tflite(module, input_shape)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    graph = model.subgraphs[0]
    return Counter(s for op in graph.operators for s in _signatures(codes[op.opcodeIndex], op, graph))


def _signatures(code: str, op: Any, graph: Any) -> Iterator[Signature]:
    if code in _FREE:
        return
    inputs = [tuple(map(int, graph.tensors[i].shape)) for i in op.inputs if i >= 0]
    result = tuple(map(int, graph.tensors[op.outputs[0]].shape))
    joined = _ACTIVATIONS[getattr(op.builtinOptions, "fusedActivationFunction", 0)]
    if code in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        depthwise = code.startswith("DEPTHWISE")
        in_chs, out_chs = inputs[0][-1], result[-1]
        groups = in_chs if depthwise else in_chs // inputs[1][-1]
        yield SIGNATURES.conv(inputs[1][1], in_chs, out_chs, groups, prod(result[:-1]), joined)
    elif code == "FULLY_CONNECTED":
        yield SIGNATURES.linear(inputs[0][-1], result[-1], prod(result) // result[-1], joined)
    elif code == "BATCH_MATMUL":
        yield SIGNATURES.matmul(prod(result) * inputs[0][-2 if op.builtinOptions.adjX else -1])
    elif code in _COPIES:
        yield SIGNATURES.copy(prod(result))
    else:
        # Maps come as (N, H, W, C), those of a trace as (N, C, H, W).
        shape = (result[0], result[3], *result[1:3]) if len(result) == 4 else result
        yield SIGNATURES.other(_NAMES.get(code, code.lower()), shape, joined)
