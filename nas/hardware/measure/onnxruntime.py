"""Measures a module on this machine's CPU through ONNX Runtime: batch 1, float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas.hardware.measure.timing import Timing, time_call

if TYPE_CHECKING:
    from torch import nn


def measure(module: nn.Module, input_shape: tuple[int, int, int], *, threads: int = 1, seconds: float = 1.0) -> Timing:
    """Export `module` to ONNX in memory and time it on one random image.

    Args:
        module: any module that takes one ``(N, C, H, W)`` tensor; it is put into evaluation mode.
        input_shape: channels, height, width.
        threads: threads inside an operator.
        seconds: how long to measure, warm-up apart.
    """
    session, name = _session(_export(module, input_shape), threads)
    image = np.random.default_rng(0).standard_normal((1, *input_shape), dtype=np.float32)
    return time_call(lambda: session.run(None, {name: image}), seconds=seconds)


def _export(module: nn.Module, input_shape: tuple[int, int, int]) -> bytes:
    import torch

    image = torch.zeros(1, *input_shape)
    program = torch.onnx.export(module.eval(), (image,), dynamo=True, verbose=False)
    assert program is not None  # only the older exporter returns nothing
    return bytes(program.model_proto.SerializeToString())


def _session(model: bytes, threads: int) -> tuple[Any, str]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name
