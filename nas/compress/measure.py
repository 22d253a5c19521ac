"""What a network is after a step: how accurate, how large, how quick, and which of that is predicted or measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from nas.hardware.measure.onnxruntime import time_onnx
from nas.hardware.predictor import LatencyPredictor
from nas.hardware.profile import HardwareProfile
from nas.model.folding import folded

_ROUNDS = 5
_SECONDS = 0.25  # of timing, a file and round


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one network of a chain.

    Attributes:
        step: what it came out of; ``before`` is the network that the chain began with.
        search_accuracy: on the search split, which nothing was trained on.
        weights_bytes: what its weights take: in the ONNX file, or computed (`computed`).
        computed: whether `weights_bytes` is what a format would take that no file here has.
        file_bytes: of the ONNX file, its graph included.
        macs: multiply-adds of one image; zeros and low precision do not lower them.
        params: numbers in the network.
        predicted_ms: by the target's profile; None where the profile describes another precision.
        measured_ms: of the ONNX file in ONNX Runtime on this machine, one thread.
        details: what the step did.
        seconds: the step took.
    """

    step: str
    search_accuracy: float
    weights_bytes: int
    computed: bool
    file_bytes: int
    macs: int
    params: int
    predicted_ms: float | None
    measured_ms: float
    details: str = ""
    seconds: float = 0.0


def predicted_ms(network: nn.Module, side: int, profile: HardwareProfile, *, int8: bool) -> float | None:
    """Predict the latency of a network of float32 layers, or of its int8 form; None if the profile knows no such.

    Args:
        network: of plain layers, whatever their weights will be.
        side: of the image in pixels.
        profile: of the target.
        int8: whether weights and activations have eight bits.
    """
    if int8 != (profile.precision == "int8"):
        return None
    return LatencyPredictor(profile).estimate_module(folded(network), (3, side, side)).latency_ms


def weights_bytes(path: Path) -> int:
    """Return what the constants of an ONNX file take, scales and zero points included, the graph not."""
    import onnx

    graph = onnx.load(path).graph
    tensors = [
        *graph.initializer,
        *(a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.t.dims),
    ]
    return sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in tensors)


def time_together(paths: Sequence[Path], side: int) -> list[float]:
    """Time ONNX files in turn, so that whatever else the machine does meets all of them; the quickest round counts.

    Args:
        paths: the files.
        side: of the image in pixels.

    Returns:
        Milliseconds an image, one for each file.
    """
    models = [path.read_bytes() for path in paths]
    best = [float("inf")] * len(models)
    for _ in range(_ROUNDS):
        for i, model in enumerate(models):
            found = time_onnx(model, (3, side, side), threads=1, seconds=_SECONDS)
            best[i] = min(best[i], found.latency_ms)
    return best
