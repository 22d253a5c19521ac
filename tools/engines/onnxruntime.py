"""The kernels ONNX Runtime launches: one profiled run of a session, with the optimised graph for the attributes."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from tools.engines.signature import Signature, Signatures

RULES = "onnxruntime-cpu"
SIGNATURES = Signatures(block=16)
_FREE = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
_COPIES = frozenset({"Transpose", "Concat", "Split", "Slice", "Gather", "ReorderOutput", "Pad", "Expand"})
_NAMES = {
    **{"Gelu": "gelu", "QuickGelu": "silu", "ReduceMean": "mean", "ReduceSum": "sum", "Softmax": "softmax"},
    **{"Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div", "MaxPool": "max_pool", "AveragePool": "avg_pool"},
    **{"HardSwish": "hard_swish", "HardSigmoid": "hard_sigmoid", "Relu": "relu", "Sigmoid": "sigmoid", "Clip": "relu6"},
    **{"LayerNormalization": "layer_norm", "BatchNormalization": "batch_norm", "InstanceNormalization": "group_norm"},
}


def kernels(module: nn.Module, input_shape: tuple[int, int, int]) -> Counter[Signature]:
    """Export `module`, run it once with the profiler on, and count what ran; reshapes are left out."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        model = _export(module, input_shape)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        image = np.random.default_rng(0).standard_normal((1, *input_shape), dtype=np.float32)
        session.run(None, {session.get_inputs()[0].name: image})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        graph = onnx.load(options.optimized_model_filepath).graph
    weights = {tensor.name for tensor in graph.initializer}
    return Counter(
        _signature(node, shapes, weights) for node, shapes in _nodes(graph, events) if node.op_type not in _FREE
    )


def _export(module: nn.Module, input_shape: tuple[int, int, int]) -> bytes:
    """Export as `nas export` does, at a batch of 1."""
    program = torch.onnx.export(module.eval(), (torch.zeros(1, *input_shape),), dynamo=True, verbose=False)
    assert program is not None  # only the older exporter returns nothing
    return bytes(program.model_proto.SerializeToString())


def _nodes(graph: Any, events: list[dict[str, Any]]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Pair the nodes of the graph with their profile; a node without a name goes by its operation and a number."""
    named: dict[str, dict[str, Any]] = {}
    unnamed: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        name, found, _ = event["name"].rpartition("_kernel_time")
        if found:
            arguments = event["args"]
            if name == f"{arguments['op_name']}_{arguments['node_index']}":
                unnamed[arguments["op_name"]].append(arguments)
            named[name] = arguments
    for node in graph.node:
        yield node, named[node.name] if node.name else unnamed[node.op_type].pop()


def _signature(node: Any, profile: dict[str, Any], weights: set[str]) -> Signature:
    inputs = [tuple(*shape.values()) for shape in profile["input_type_shape"]]
    outputs = [tuple(*shape.values()) for shape in profile["output_type_shape"]]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    activation = attributes.get("activation", b"").decode()
    joined = (_NAMES.get(activation, activation.lower()),) if activation else ()
    kind, result = node.op_type, outputs[0]
    if kind in ("Conv", "FusedConv"):
        groups, weight = attributes.get("group", 1), inputs[1]
        adds = ("add",) if len(node.input) > 3 and node.input[3] else ()
        positions = result[0] * prod(result[2:])
        return SIGNATURES.conv(weight[2], weight[1] * groups, weight[0], groups, positions, (*adds, *joined))
    if kind in ("Gemm", "FusedGemm") or (kind == "MatMul" and node.input[1] in weights):
        return SIGNATURES.linear(inputs[0][-1], result[-1], prod(result) // result[-1], joined)
    if kind in ("MatMul", "FusedMatMul"):
        return SIGNATURES.matmul(prod(result) * inputs[0][-2 if attributes.get("transA") else -1])
    if kind == "ReorderInput":  # its result has padded channels
        return SIGNATURES.copy(prod(inputs[0]))
    if kind in _COPIES:
        return SIGNATURES.copy(sum(map(prod, outputs)))
    if kind == "SkipLayerNormalization":
        return SIGNATURES.other("layer_norm", result, ("add",))
    return SIGNATURES.other(_NAMES.get(kind, kind), result)
