"""The kernels ONNX Runtime launches: one profiled run of a session, with the optimised graph for the attributes."""

from __future__ import annotations

from collections import Counter

import torch
from torch import nn

from nas.hardware.measure.onnxruntime_nodes import SIGNATURES as SIGNATURES
from nas.hardware.measure.onnxruntime_nodes import node_signatures
from nas.hardware.signature import Signature

RULES = "onnxruntime-cpu"


def kernels(module: nn.Module, input_shape: tuple[int, int, int]) -> Counter[Signature]:
    """Export `module` as `nas export` does, run it once with the profiler on, and count what ran."""
    program = torch.onnx.export(module.eval(), (torch.zeros(1, *input_shape),), dynamo=True, verbose=False)
    assert program is not None  # only the older exporter returns nothing
    return node_signatures(bytes(program.model_proto.SerializeToString()), input_shape)
