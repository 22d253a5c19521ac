"""TFLite's files, read and completed: their operators as plain data, and the last touches of a file to deploy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from nas.errors import NasError

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16
_METADATA = b"nas"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file.

    Attributes:
        kind: the schema's name of its numbers, such as ``INT8``.
        static: whether all of its sizes are known.
        scales: how many scales its numbers have; 0 if it is not quantised.
        data: its bytes if it is a constant, else none.
        inside: whether those bytes lie inside the flatbuffer; old runtimes do not see others.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    static: bool
    scales: int
    data: bytes = field(repr=False)
    inside: bool

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its values."""
        return bool(self.data)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a file.

    Attributes:
        index: its place in the order of execution.
        name: the schema's, such as ``CONV_2D``.
        version: what its kernel must be able to do.
        inputs: None where an optional one is left out.
        options: the schema's options by their names.
    """

    index: int
    name: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions and matrix products; 0 for any other operator."""
        out = prod(self.outputs[0].shape)
        first, second = [(t.shape if t is not None else ()) for t in (*self.inputs, None, None)[:2]]
        if self.name in ("CONV_2D", "FULLY_CONNECTED"):
            return out * prod(second[1:])
        if self.name == "DEPTHWISE_CONV_2D":
            return out * prod(second[1:3])
        if self.name == "BATCH_MATMUL":
            return out * first[-2 if self.options.get("adjX") else -1]
        if self.name == "TRANSPOSE_CONV" and self.inputs[2] is not None:
            return prod(self.inputs[2].shape) * prod(second[:3])
        return 0


@dataclass(frozen=True, slots=True)
class Graph:
    """The operators of a file in the order of execution, and its ends."""

    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def macs(self) -> int:
        """Multiply-adds of one image."""
        return sum(operator.macs for operator in self.operators)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Every constant that an operator reads, once."""
        read = {id(t): t for o in self.operators for t in o.inputs if t is not None and t.is_constant}
        return tuple(read.values())


def read_graph(path: Path) -> Graph:
    """Read a TFLite file.

    Raises:
        NasError: if it is none.
    """
    content = path.read_bytes()
    model = _unpacked(content, str(path))
    graph = model.subgraphs[0]
    tensors = [_tensor(t, model.buffers[t.buffer], content) for t in graph.tensors]
    operators = tuple(_operator(i, o, model, tensors) for i, o in enumerate(graph.operators))
    return Graph(operators, tuple(tensors[i] for i in graph.inputs), tuple(tensors[i] for i in graph.outputs))


def read_metadata(path: Path) -> dict[str, str]:
    """Return what a file says about its network (`nas.export.formats.ModelFacts.metadata`); nothing if it is silent."""
    model = _unpacked(path.read_bytes(), str(path))
    found = next((entry for entry in model.metadata or [] if entry.name == _METADATA), None)
    return {} if found is None else dict(json.loads(bytes(model.buffers[found.buffer].data)))


def sealed(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return a file to deploy: constants inside, ends called ``image`` and ``logits``, metadata added.

    Args:
        content: a TFLite file with one input and one output.
        metadata: what the file says about its network.
    """
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = _unpacked(content, "converted model")
    for buffer in model.buffers:
        if _lies_outside(buffer):
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    _name_ends(model)
    told, entry = schema.BufferT(), schema.MetadataT()
    told.data = np.frombuffer(json.dumps(dict(metadata), ensure_ascii=False).encode(), np.uint8)
    entry.name, entry.buffer = _METADATA, len(model.buffers)
    model.buffers.append(told)
    model.metadata = [*(model.metadata or []), entry]
    return _packed(model)


def _name_ends(model: Any) -> None:
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    for indices, ends, name in (
        (graph.inputs, signature.inputs, b"image"),
        (graph.outputs, signature.outputs, b"logits"),
    ):
        graph.tensors[indices[0]].name = name
        ends[0].name = name


def _unpacked(content: bytes, source: str) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != _IDENTIFIER:
        raise NasError(f"{source}: not a TFLite file")
    return schema.ModelT.InitFromPackedBuf(content, 0)


def _packed(model: Any) -> bytes:
    import flatbuffers  # type: ignore[import-untyped]

    class Builder(flatbuffers.Builder):  # type: ignore[misc]
        """Aligns byte vectors as kernels expect; the generated code forgets that the schema asks for it."""

        def StartVector(self, elem_size: int, count: int, alignment: int) -> Any:  # noqa: N802
            return super().StartVector(elem_size, count, _ALIGNMENT if elem_size == 1 else alignment)

    builder = Builder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _lies_outside(buffer: Any) -> bool:
    return bool(buffer.offset > 1)  # 0 and 1 are the schema's words for none


def _tensor(tensor: Any, buffer: Any, content: bytes) -> Tensor:
    from ai_edge_litert import schema_py_generated as schema

    outside = _lies_outside(buffer)
    data = content[buffer.offset : buffer.offset + buffer.size] if outside else _bytes(buffer.data)
    signature = () if tensor.shapeSignature is None else tensor.shapeSignature
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return Tensor(
        name=tensor.name.decode(),
        shape=() if tensor.shape is None else tuple(map(int, tensor.shape)),
        kind=_names(schema.TensorType)[tensor.type],
        static=all(size >= 0 for size in signature),
        scales=0 if scales is None else len(scales),
        data=data,
        inside=not outside,
    )


def _bytes(data: Any) -> bytes:
    return b"" if data is None else bytes(data)


def _operator(index: int, operator: Any, model: Any, tensors: list[Tensor]) -> Operator:
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    return Operator(
        index=index,
        # Files from before 2020 know only the first 127 codes, by another field.
        name=_names(schema.BuiltinOperator)[max(code.builtinCode, code.deprecatedBuiltinCode)],
        version=code.version,
        inputs=tuple(tensors[i] if i >= 0 else None for i in operator.inputs),
        outputs=tuple(tensors[i] for i in operator.outputs),
        options=dict(vars(operator.builtinOptions)) if operator.builtinOptions is not None else {},
    )


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
