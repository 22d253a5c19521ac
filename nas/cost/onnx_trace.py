"""An ONNX graph as a `Trace`: the same operations that tracing the module gives, so the same predictor takes both.

Shapes come from ``onnx.shape_inference``; the first dimension is set to 1 where the graph leaves it open. What this
reader does not know is kept as an operation of its ONNX name and listed in `Trace.uncovered`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from nas.cost.memory import Use, peak_elements
from nas.cost.onnx_patterns import Node, Values, collapse
from nas.cost.ops import Op, Shape, Trace
from nas.errors import UserError

_NAMES: Mapping[str, str] = {
    **{"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hard_swish", "Gelu": "gelu", "Elu": "elu"},
    **{"HardSigmoid": "hard_sigmoid", "LeakyRelu": "leaky_relu", "Softmax": "softmax", "Erf": "erf", "Sqrt": "sqrt"},
    **{"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Exp": "exp", "Neg": "neg", "Abs": "abs"},
    **{"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax", "MaxPool": "max_pool", "AveragePool": "avg_pool"},
    **{
        "GlobalAveragePool": "adaptive_avg_pool",
        "Concat": "cat",
        "Slice": "slice",
        "Split": "slice",
        "Gather": "slice",
    },
    **{"Transpose": "transpose", "Pad": "pad", "Resize": "upsample_nearest", "Clip": "clamp"},
    **{"BatchNormalization": "batch_norm", "LayerNormalization": "layer_norm", "GroupNormalization": "group_norm"},
    **{"Silu": "silu", "Relu6": "relu6", "Where": "where", "Max": "maximum", "Min": "minimum"},
    **{"Attention": "attention", "Reciprocal": "reciprocal", "ReduceL2": "linalg_vector_norm"},
    **{"DepthToSpace": "pixel_shuffle", "SpaceToDepth": "pixel_unshuffle"},
}
_VIEWS = frozenset({"Reshape", "Expand", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Dropout"})
_MACS_PER_ELEMENT = {"batch_norm": 2, "layer_norm": 5, "group_norm": 5, "adaptive_avg_pool": 1}
_IN_PLACE = frozenset({"relu", "relu6", "sigmoid", "hard_swish", "hard_sigmoid", "silu", "gelu", "tanh", "batch_norm"})
_WITH_CONSTANTS = frozenset({"add", "sub", "mul", "div"})
_ROUNDING = frozenset({"QuantizeLinear", "DequantizeLinear"})
_NO_WORK = frozenset({"Constant", "Shape", "ConstantOfShape", "Range"}) | _ROUNDING


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model file as read.

    Attributes:
        trace: its operations.
        input_shape: channels, height, width.
        integers: whether it rounds values to integers.
    """

    trace: Trace
    input_shape: tuple[int, int, int]
    integers: bool = False


def load_onnx(path: Path, resolution: int | None = None) -> OnnxModel:
    """Read an ONNX file.

    Args:
        path: of the file.
        resolution: side of the image, needed only where the graph leaves it open.

    Raises:
        UserError: if the file is missing or no network on one image.
    """
    if not path.is_file():
        raise UserError(f"{path}: not found")
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:  # the parser's errors share no base class
        raise UserError(f"{path}: not an ONNX file ({str(error).splitlines()[0]})") from None
    return trace_onnx(model, str(path), resolution)


def trace_onnx(model: Any, source: str = "ONNX model", resolution: int | None = None) -> OnnxModel:
    """Read the operations of an ONNX model.

    Raises:
        UserError: if it does not take one image, or its shapes cannot be inferred.
    """
    import onnx

    initializers = {w.name for w in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initializers]
    if len(inputs) != 1:
        raise UserError(f"{source}: takes {len(inputs)} inputs; only networks on one image can be predicted")
    shape = _fix_input(inputs[0], source, resolution)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # as of the parser
        raise UserError(f"{source}: its shapes cannot be inferred ({str(error).splitlines()[0]})") from None
    reader = _Reader(inferred.graph, inputs[0].name)
    integers = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    return OnnxModel(reader.trace(shape), shape, integers)


class _Reader:
    """Walks the nodes of a graph in order."""

    def __init__(self, graph: Any, image: str) -> None:
        import onnx

        self._weights: dict[str, Shape] = {w.name: tuple(w.dims) for w in graph.initializer}
        self._constants = {w.name: w for w in graph.initializer}
        self._shapes = {
            v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
            for v in (*graph.value_info, *graph.input, *graph.output)
        }
        for node in graph.node:
            if node.op_type == "Constant":
                value = next((a.t for a in node.attribute if a.name == "value"), None)
                self._weights[node.output[0]] = tuple(value.dims) if value is not None else ()
                if value is not None:
                    self._constants[node.output[0]] = value
        read = [_node(node, onnx) for node in graph.node]
        known = Values(self._scalar, self._integers, self._weights.get, lambda name: self._shapes.get(name, ()))
        self._nodes = collapse(read, known)
        self._numbers = {image: 0}
        self._rounded: set[str] = set()  # weights that are kept as integers
        self._ops: list[Op] = []
        self._uses: list[Use] = []
        self._uncovered: list[str] = []

    def trace(self, image: tuple[int, int, int]) -> Trace:
        for node in self._nodes:
            self._take(node)
        # Scales are no parameters, and what they scale is counted where it is used.
        users = [node for node in self._nodes if node.kind not in _ROUNDING]
        used = {name for node in users for name in node.inputs if name in self._weights}
        params = sum(prod(self._weights[name]) for name in used if self._is_parameter(name))
        return Trace(
            ops=tuple(self._ops),
            params=params,
            macs=sum(op.macs for op in self._ops),
            peak_memory_elements=peak_elements(self._uses, prod(image)),
            uncovered=tuple(dict.fromkeys(self._uncovered)),
        )

    def _is_parameter(self, name: str) -> bool:
        constant = self._constants.get(name)
        is_number = name in self._rounded or (constant is not None and constant.data_type in (1, 10, 16))
        return is_number and prod(self._weights[name]) > 1

    def _scalar(self, name: str) -> float | None:
        """Return the value of a constant with one element."""
        from onnx import numpy_helper

        constant = self._constants.get(name)
        if constant is None or prod(constant.dims) != 1:
            return None
        return float(numpy_helper.to_array(constant).reshape(-1)[0])

    def _integers(self, name: str) -> tuple[int, ...]:
        """Return what a constant of whole numbers holds; nothing for any other value."""
        from onnx import numpy_helper

        constant = self._constants.get(name)
        if constant is None or constant.data_type not in (6, 7):
            return ()
        return tuple(int(value) for value in numpy_helper.to_array(constant).reshape(-1))

    def _take(self, node: Node) -> None:
        activations = [name for name in node.inputs if name in self._numbers]
        if node.kind in _NO_WORK or not activations:
            if all(name in self._weights or not name for name in node.inputs):  # made of weights: a weight
                self._weights.update({name: self._shapes.get(name, ()) for name in node.outputs})
                self._rounded.update(node.outputs if node.kind == "DequantizeLinear" else ())
            elif activations and node.kind in _ROUNDING:
                self._numbers[node.outputs[0]] = self._numbers[activations[0]]
            return
        view = node.kind in _VIEWS
        name = "reshape" if view else self._name(node)
        for position, output in enumerate(node.outputs if node.kind == "Split" else node.outputs[:1]):
            self._record(node, name, activations, output, first=position == 0, view=view)

    def _name(self, node: Node) -> str:
        if node.kind == "Conv":
            return "conv2d"
        if node.kind in ("Gemm", "MatMul"):
            return "linear" if any(name in self._weights for name in node.inputs[:2]) else "matmul"
        name = _NAMES.get(node.kind)
        if name is None:
            self._uncovered.append(node.kind)
            return node.kind.lower()
        return name

    def _record(
        self, node: Node, name: str, activations: Sequence[str], output: str, *, first: bool, view: bool
    ) -> None:
        shape = self._shapes.get(output, ())
        shapes = tuple(self._shapes.get(a, ()) for a in activations)
        weights = [self._weights[n] for n in node.inputs if n in self._weights and self._is_parameter(n)]
        attributes = self._attributes(name, node)
        number = self._numbers[output] = len(self._ops) + 1
        inputs = tuple(self._numbers[a] for a in activations)
        self._ops.append(
            Op(
                name=name,
                macs=self._macs(name, node, shapes, shape) if first else 0,
                inputs=inputs,
                output=number,
                input_shapes=shapes,
                output_shape=shape,
                weight_elements=sum(prod(w) for w in weights),
                **attributes,
            )
        )
        self._uses.append(Use(number, 0 if view else prod(shape), inputs, view, name in _IN_PLACE))

    def _macs(self, name: str, node: Node, shapes: Sequence[Shape], output: Shape) -> int:
        if name == "conv2d":
            return prod(self._weights[node.inputs[1]]) * prod(output[2:]) * output[0]
        if name == "attention":
            (*_, rows, depth), (*_, columns, _), (*_, width) = shapes[:3]
            return prod(output[:-2]) * rows * columns * (depth + width)
        if name in ("linear", "matmul"):
            a = self._weights.get(node.inputs[0]) or self._shapes[node.inputs[0]]
            inner = a[0] if node.attributes.get("transA") else a[-1]
            return prod(output) * inner
        return prod(shapes[0]) * _MACS_PER_ELEMENT.get(name, 0)

    def _attributes(self, name: str, node: Node) -> dict[str, Any]:
        if name == "conv2d":
            weight, groups = self._weights[node.inputs[1]], node.attributes.get("group", 1)
            return {
                "in_chs": weight[1] * groups,
                "out_chs": weight[0],
                "kernel_size": max(weight[2:], default=1),
                "stride": max(node.attributes.get("strides", (1,))),
                "groups": groups,
                "padding": max(node.attributes.get("pads", (0,))),
            }
        if name in ("linear", "matmul"):
            first = self._weights.get(node.inputs[0]) or self._shapes[node.inputs[0]]
            second = self._weights.get(node.inputs[1]) or self._shapes[node.inputs[1]]
            out_chs = second[-2] if node.attributes.get("transB") else second[-1]
            return {"in_chs": first[-1], "out_chs": out_chs, "kernel_size": 1, "stride": 1, "groups": 1}
        if name == "transpose":
            return {"axes": tuple(node.attributes.get("perm", ()))}
        if name in _WITH_CONSTANTS:
            return {"constant": next((v for v in map(self._scalar, node.inputs) if v is not None), None)}
        return {}


def _node(node: Any, onnx: Any) -> Node:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return Node(node.op_type, tuple(node.input), tuple(node.output), attributes)


def _fix_input(value: Any, source: str, resolution: int | None) -> tuple[int, int, int]:
    """Give the image a batch of 1 and, where it is open, its side; return channels, height and width."""
    dims = value.type.tensor_type.shape.dim
    if len(dims) != 4:
        raise UserError(f"{source}: takes a tensor of {len(dims)} dimensions; an image has (N, C, H, W)")
    wanted = (1, 3, resolution, resolution)
    for dim, fallback in zip(dims, wanted, strict=True):
        if dim.dim_value > 0 and dim is not dims[0]:
            continue
        if fallback is None:
            raise UserError(f"{source}: the graph leaves the image's size open; give it with --resolution")
        dim.Clear()
        dim.dim_value = fallback
    found = tuple(int(dim.dim_value) for dim in dims)
    if resolution is not None and found[2] != resolution:
        raise UserError(f"{source}: its images are {found[2]} pixels wide, not {resolution}")
    return found[1], found[2], found[3]
