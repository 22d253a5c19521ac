"""Rewriting the ONNX file of a quantised network into the form that ONNX Runtime's kernels for CPUs are quick with."""

from __future__ import annotations

from typing import Any

_SHIFT = 128


def unsigned_activations(model: Any) -> None:
    """Let activations count from 0 to 255 instead of -128 to 127, in place; not a single output changes.

    Where weights and activations are both signed, ONNX Runtime took five times as long on an x86 CPU. Weights, which
    have no `QuantizeLinear` before them, keep their sign. On x86 CPUs without VNNI the sums of such products can
    overflow (ONNX Runtime's documentation on quantisation), so a file is to be checked where it runs.

    Args:
        model: an ONNX `ModelProto`.
    """
    import numpy as np
    from onnx import numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    rounded = {node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    shifted: dict[str, Any] = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" and (node.op_type != "DequantizeLinear" or node.input[0] not in rounded):
            continue
        zero = node.input[2] if len(node.input) > 2 else ""
        if zero not in constants:
            continue
        value = numpy_helper.to_array(constants[zero])
        if value.dtype == np.int8:
            name = f"{zero}_unsigned"
            shifted[name] = numpy_helper.from_array((value.astype(np.int16) + _SHIFT).astype(np.uint8), name)
            node.input[2] = name
    graph.initializer.extend(shifted.values())
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
