"""ONNX: one file with its weights inside, any batch size, input ``image`` (N, C, H, W), output ``logits``.

The graph comes from `torch.export`. The example batch is 2 because an example batch of 1 makes the exporter
treat the batch as a constant. Whoever deploys the file reads class names, normalisation and digest from its
metadata.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import NasError, first_line
from nas.export.formats import ModelFacts
from nas.export.usage import CHANNELS_FIRST, Snippet, python
from nas.silence import quiet

if TYPE_CHECKING:
    from torch import nn

    from nas.export.formats import Run

OPSET = 20
_OLDEST_OPSET = 18


@dataclass(frozen=True, slots=True)
class OnnxExporter:
    """Exports through `torch.export`, runs in ONNX Runtime on the CPU."""

    suffix: str = ".onnx"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float | None = 1e-4
    folds: bool = True
    needs: tuple[str, ...] = ()
    extra: str = ""

    def export(self, module: nn.Module, path: Path, facts: ModelFacts) -> None:
        """Write `module` to `path`, whole or not at all.

        Raises:
            NasError: if the module cannot be exported, or not with an operator set of 18 to 20.
        """
        runs.write_atomic(path, proto_of(module, facts).SerializeToString())

    def load(self, path: Path) -> Run:
        """Open `path` in ONNX Runtime with one thread."""
        return open_session(path)

    def snippet(self, path: str, facts: ModelFacts) -> Snippet:
        """Return the lines that run the file at `path`."""
        return onnx_snippet(path, facts)


EXPORTER = OnnxExporter()


def proto_of(module: nn.Module, facts: ModelFacts) -> Any:
    """Return `module` as ONNX, checked, with `facts` in its metadata.

    Raises:
        NasError: if the module cannot be exported, or not with an operator set of 18 to 20.
    """
    import onnx

    proto = _to_proto(module, facts)
    _check_opset(proto)
    _name_batch(proto)
    _forget_origin(proto)
    for key, value in facts.metadata("NCHW").items():
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def onnx_snippet(path: str, facts: ModelFacts) -> Snippet:
    """Return the lines that run the ONNX file at `path`."""
    return python(
        "onnxruntime",
        facts,
        f'session = onnxruntime.InferenceSession("{path}")',
        f'logits = session.run(["logits"], {{"image": {CHANNELS_FIRST}}})[0]',
        "print(logits.argmax())",
    )


def open_session(path: Path, *, optimise: bool = True) -> Run:
    """Open a file in ONNX Runtime with one thread.

    Args:
        path: of a file written here.
        optimise: else every node runs as it stands in the graph, quantised ones in floating point.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"image": images})[0]


def _to_proto(module: nn.Module, facts: ModelFacts) -> Any:
    import torch

    from nas.export.rewrites.pooling import with_plain_pools

    example = torch.zeros(2, *facts.input_shape)
    try:
        with quiet():
            program = torch.onnx.export(
                with_plain_pools(module),
                (example,),
                input_names=["image"],
                output_names=["logits"],
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # tracing runs the module's own code: any error may come out of it
        raise NasError(f"onnx: the network cannot be exported: {_root_cause(error)}") from error
    if program is None:
        raise NasError("onnx: torch.onnx.export returned no program")
    return program.model_proto


def _check_opset(proto: Any) -> None:
    # A failed conversion to another operator set is only logged by torch, so it is looked at here.
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    if not _OLDEST_OPSET <= versions.get("", 0) <= OPSET:
        raise NasError(f"onnx: operator set {versions} was written, {_OLDEST_OPSET} to {OPSET} was wanted")


def _name_batch(proto: Any) -> None:
    """Call the free dimension ``batch``; torch gives it a name such as ``s77``."""
    graph = proto.graph
    symbol = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    if not symbol:
        raise NasError("onnx: the batch size became a constant; the network's forward depends on it")
    pattern = re.compile(rf"\b{re.escape(symbol)}\b")
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = pattern.sub("batch", dim.dim_param)


def _forget_origin(proto: Any) -> None:
    """Take out which line of Python each node came from: paths of this machine, a fifth of a small network's bytes."""
    graph = proto.graph
    for node in graph.node:
        node.ClearField("doc_string")
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {first_line(error)}"
