"""Layer graphs of ncnn (``.param`` text) as traces, so that a benchmarked network has exactly its own kernels.

Reads the text format 7767517: one layer a line with its type, name, numbers of inputs and outputs, their names and
``key=value`` parameters. Shapes are propagated from the input; a graph that states its shapes is checked against
them. Layers after which nothing is computed (boxes of a detector, non-maximum suppression) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, prod

from nas.cost.ops import Op, Shape, Trace

MAGIC = "7767517"
ACTIVATIONS = {1: "relu", 2: "leaky_relu", 3: "relu6", 4: "sigmoid", 5: "mish", 6: "hard_swish"}
POINTWISE = {
    "ReLU": "relu", "Swish": "silu", "HardSwish": "hard_swish", "HardSigmoid": "hard_sigmoid", "Sigmoid": "sigmoid",
    "GELU": "gelu", "Softmax": "softmax", "LRN": "lrn", "BatchNorm": "batch_norm", "LayerNorm": "layer_norm",
    "BinaryOp": "add", "Eltwise": "add",
}  # fmt: skip
FOLLOWS_DETECTION = {"PriorBox", "DetectionOutput", "YoloDetectionOutput", "Yolov3DetectionOutput", "Noop"}


@dataclass(frozen=True)
class Layer:
    """One line of a graph."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[int, float]
    arrays: dict[int, tuple[int, ...]]

    def get(self, key: int, default: float = 0) -> int:
        """Return a parameter as a whole number."""
        return int(self.numbers.get(key, default))

    def window(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return height and width of the kernel and its stride."""
        kernel, stride = self.get(1), self.get(2 if self.kind == "Pooling" else 3, 1)
        other_stride = self.get(12 if self.kind == "Pooling" else 13, stride)
        return (self.get(11, kernel), kernel), (other_stride, stride)


@dataclass(frozen=True)
class Value:
    """A blob: its number in the trace and its shape without the batch; weights held as blobs have no number."""

    number: int
    shape: Shape


def read_graph(text: str, image: tuple[int, int, int]) -> Trace:
    """Turn a graph into a trace of one image of ``(C, H, W)``.

    Raises:
        ValueError: if a layer's kind is not known, or a shape is not the one that the graph states.
    """
    builder = _Builder(image)
    for line in text.splitlines()[2:]:
        if line.strip():
            builder.add(parse_layer(line))
    return builder.trace()


def parse_layer(line: str) -> Layer:
    """Take one line apart."""
    kind, name, inputs, outputs, *rest = line.split()
    first = int(inputs)
    last = first + int(outputs)
    numbers: dict[int, float] = {}
    arrays: dict[int, tuple[int, ...]] = {}
    for part in rest[last:]:
        key, value = part.split("=", 1)
        if int(key) <= -23300:
            arrays[-23300 - int(key)] = tuple(int(float(v)) for v in value.split(",")[1:])
        else:
            numbers[int(key)] = float(value)
    return Layer(kind, name, tuple(rest[:first]), tuple(rest[first:last]), numbers, arrays)


class _Builder:
    """Adds layers in order, giving every blob a number and a shape."""

    def __init__(self, image: tuple[int, int, int]) -> None:
        self.image = image
        self.values: dict[str, Value] = {}
        self.ops: list[Op] = []
        self.params = 0
        self.count = 1  # value 0 is the image

    def add(self, layer: Layer) -> None:
        """Add one layer; what needs boxes has no values and so neither do its readers."""
        if layer.kind in FOLLOWS_DETECTION or any(name not in self.values for name in layer.inputs):
            return
        LAYERS[layer.kind](self, layer) if layer.kind in LAYERS else self._pointwise(layer)
        self._check(layer)

    def trace(self) -> Trace:
        """Return what was recorded."""
        return Trace(tuple(self.ops), self.params, sum(op.macs for op in self.ops), 0)

    def inputs(self, layer: Layer) -> list[Value]:
        """Return the blobs that a layer reads."""
        return [self.values[name] for name in layer.inputs]

    def emit(
        self, name: str, inputs: Sequence[Value], shape: Shape, *, macs: int = 0, weights: int = 0, **facts: int
    ) -> Value:
        """Record an operation and return what it makes."""
        activations = [value for value in inputs if value.number >= 0]
        self.params += weights
        self.ops.append(
            Op(
                name, macs, tuple(v.number for v in activations), self.count,
                tuple((1, *v.shape) for v in activations), (1, *shape), weights, **facts,
            )
        )  # fmt: skip
        self.count += 1
        return Value(self.count - 1, shape)

    def activated(self, layer: Layer, value: Value) -> Value:
        """Record the activation that the layer holds, if any."""
        name = ACTIVATIONS.get(layer.get(9))
        return value if name is None else self.emit(name, [value], value.shape)

    def _pointwise(self, layer: Layer) -> None:
        if layer.kind not in POINTWISE:
            raise ValueError(f"layer {layer.name!r} is of the unknown kind {layer.kind!r}")
        inputs = self.inputs(layer)
        shape = max((v.shape for v in inputs), key=prod)
        multiplies = {"BinaryOp": layer.get(0) == 2, "Eltwise": layer.get(0) == 0}.get(layer.kind, False)
        name = "mul" if multiplies else POINTWISE[layer.kind]
        self.values[layer.outputs[0]] = self.emit(name, inputs, shape)

    def _check(self, layer: Layer) -> None:
        stated = layer.arrays.get(30, ())
        for place, name in enumerate(layer.outputs):
            if len(stated) < 4 * (place + 1) or name not in self.values:
                continue
            dims, *sizes = stated[4 * place : 4 * place + 4]
            shape = tuple(reversed(sizes[:dims]))
            if dims and shape != self.values[name].shape:
                raise ValueError(f"{layer.name!r}: shape {self.values[name].shape}, but the graph states {shape}")


def _input(builder: _Builder, layer: Layer) -> None:
    builder.values[layer.outputs[0]] = Value(0, builder.image)


def _memory(builder: _Builder, layer: Layer) -> None:
    sizes = [layer.get(key) for key in (2, 1, 0) if layer.get(key)]
    builder.values[layer.outputs[0]] = Value(-1, tuple(sizes))


def _same(builder: _Builder, layer: Layer) -> None:
    for name in layer.outputs:
        builder.values[name] = builder.values[layer.inputs[0]]


def _conv(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    kernel, stride = layer.window()
    if len(value.shape) == 1:
        value = Value(value.number, (value.shape[0], 1, 1))
    chs, height, width = value.shape
    left, dilation = layer.get(4), layer.get(2, 1)
    top = layer.get(14, left)
    pads = (top + layer.get(16, top), left + layer.get(15, left))
    transposed = layer.kind.startswith("Deconvolution")
    spans = [dilation * (k - 1) + 1 for k in kernel]
    if transposed:
        sizes = [(n - 1) * s + k - p for n, k, s, p in zip((height, width), spans, stride, pads, strict=True)]
    elif min(pads) < 0:  # as in TensorFlow's SAME
        sizes = [ceil(n / s) for n, s in zip((height, width), stride, strict=True)]
    else:
        sizes = [(n + p - k) // s + 1 for n, k, s, p in zip((height, width), spans, stride, pads, strict=True)]
    out_chs, groups = layer.get(0), layer.get(7, 1)
    weights = out_chs * chs // groups * prod(kernel)
    made = builder.emit(
        "conv2d", [value], (out_chs, *sizes), macs=weights * (height * width if transposed else prod(sizes)),
        weights=weights + out_chs * layer.get(5), in_chs=chs, out_chs=out_chs, kernel_size=max(kernel),
        stride=max(stride), groups=groups,
    )  # fmt: skip
    builder.values[layer.outputs[0]] = builder.activated(layer, made)


def _linear(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    gemm = layer.kind == "Gemm"
    out_chs = layer.get(8 if gemm else 0)
    rows = value.shape[0] if gemm else 1
    in_chs = value.shape[-1] if gemm else prod(value.shape)
    shape = (rows, out_chs) if gemm else (out_chs,)
    made = _product(builder, [value], shape, in_chs, out_chs)
    builder.values[layer.outputs[0]] = made if gemm else builder.activated(layer, made)


def _product(builder: _Builder, inputs: Sequence[Value], shape: Shape, in_chs: int, out_chs: int) -> Value:
    return builder.emit(
        "linear", inputs, shape, macs=prod(shape) * in_chs, weights=(in_chs + 1) * out_chs, in_chs=in_chs,
        out_chs=out_chs, kernel_size=1, stride=1, groups=1,
    )  # fmt: skip


def _attention(builder: _Builder, layer: Layer) -> None:
    query, key, value = builder.inputs(layer)
    chs = layer.get(0)
    projected = [_product(builder, [v], v.shape, chs, chs) for v in (query, key, value)]
    tokens, keys = query.shape[0], key.shape[0]
    mixed = builder.emit("attention", projected, query.shape, macs=2 * tokens * keys * chs)
    builder.values[layer.outputs[0]] = _product(builder, [mixed], query.shape, chs, chs)


def _pool(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    chs, *size = value.shape
    name = "avg_pool" if layer.get(0) else "max_pool"
    if layer.get(4):
        builder.values[layer.outputs[0]] = builder.emit("mean", [value], (chs,))
        return
    kernel, stride = layer.window()
    left = layer.get(3)
    top = layer.get(13, left)
    pads = (top + layer.get(15, top), left + layer.get(14, left))
    if layer.get(5) == 0:  # the window may hang over the edge
        sizes = [ceil((n + p - k) / s) + 1 for n, k, s, p in zip(size, kernel, stride, pads, strict=True)]
    elif layer.get(5) == 1:
        sizes = [(n + p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, pads, strict=True)]
    else:
        sizes = [ceil(n / s) for n, s in zip(size, stride, strict=True)]
    builder.values[layer.outputs[0]] = builder.emit(
        name, [value], (chs, *sizes), kernel_size=max(kernel), stride=max(stride)
    )


def _reduce(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    shape = (value.shape[0], 1, 1) if layer.get(4) else value.shape[:1]
    builder.values[layer.outputs[0]] = builder.emit("mean", [value], shape)


def _reshape(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    wanted = [layer.get(key) for key in (2, 1, 0) if key in layer.numbers] or [prod(value.shape)]
    known = prod(size for size in wanted if size > 0)
    shape = tuple(prod(value.shape) // known if size == -1 else size for size in wanted)
    builder.values[layer.outputs[0]] = builder.emit("reshape", [value], shape)


def _permute(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    orders = {1: (0, 2, 1), 2: (1, 0, 2), 3: (1, 2, 0), 4: (2, 0, 1), 5: (2, 1, 0)}
    order = orders[layer.get(0)] if len(value.shape) == 3 else (1, 0)
    builder.values[layer.outputs[0]] = builder.emit("transpose", [value], tuple(value.shape[i] for i in order))


def _shuffle(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    builder.values[layer.outputs[0]] = builder.emit("transpose", [value], value.shape)


def _concat(builder: _Builder, layer: Layer) -> None:
    inputs = builder.inputs(layer)
    axis = layer.get(0)
    shape = list(inputs[0].shape)
    shape[axis] = sum(value.shape[axis] for value in inputs)
    builder.values[layer.outputs[0]] = builder.emit("cat", inputs, tuple(shape))


def _slice(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    axis, left = layer.get(1), value.shape[layer.get(1)]
    for place, (name, size) in enumerate(zip(layer.outputs, layer.arrays[0], strict=True)):
        taken = left // (len(layer.outputs) - place) if size < 0 else size
        shape = (*value.shape[:axis], taken, *value.shape[axis + 1 :])
        builder.values[name] = builder.emit("slice", [value], shape)
        left -= taken


def _crop(builder: _Builder, layer: Layer) -> None:
    value, *like = builder.inputs(layer)
    shape = list(value.shape)
    if like:
        shape[-2:] = like[0].shape[-2:]
    elif layer.get(5):
        shape = [layer.get(5), layer.get(4), layer.get(3)]
    for start, end, axis in zip(*(layer.arrays.get(key, ()) for key in (9, 10, 11)), strict=True):
        shape[axis] = min(end, shape[axis]) - start
    builder.values[layer.outputs[0]] = builder.emit("slice", [value], tuple(shape))


def _pad(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    chs, height, width = value.shape
    front, behind = layer.get(7), layer.get(8)
    shape = (chs + front + behind, height + layer.get(0) + layer.get(1), width + layer.get(2) + layer.get(3))
    builder.values[layer.outputs[0]] = builder.emit("pad", [value], shape)


def _resize(builder: _Builder, layer: Layer) -> None:
    (value,) = builder.inputs(layer)
    chs, *size = value.shape
    factors = (layer.numbers.get(1, 1.0), layer.numbers.get(2, 1.0))
    stated = (layer.get(3), layer.get(4))
    sizes = [want or int(n * f) for n, f, want in zip(size, factors, stated, strict=True)]
    name = "upsample_nearest" if layer.get(0) == 1 else "upsample_bilinear"
    macs = prod((chs, *sizes)) * (1 if name == "upsample_nearest" else 4)
    builder.values[layer.outputs[0]] = builder.emit(name, [value], (chs, *sizes), macs=macs)


LAYERS: dict[str, Callable[[_Builder, Layer], None]] = {
    "Input": _input, "MemoryData": _memory, "Split": _same, "Dropout": _same,
    "Convolution": _conv, "ConvolutionDepthWise": _conv, "Deconvolution": _conv, "DeconvolutionDepthWise": _conv,
    "InnerProduct": _linear, "Gemm": _linear, "MultiHeadAttention": _attention, "Pooling": _pool,
    "Reduction": _reduce, "Reshape": _reshape, "Flatten": _reshape, "Permute": _permute, "ShuffleChannel": _shuffle,
    "Concat": _concat, "Slice": _slice, "Crop": _crop, "Padding": _pad, "Interp": _resize,
}  # fmt: skip
