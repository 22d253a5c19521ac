"""The table of operators: the name of each ATen call and the MACs it costs.

The conventions are fvcore's: a multiply-add counts once, norms by elements, everything element-wise is free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypedDict

import torch

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its raw arguments, the shapes of its tensors, and whether one of them is a weight."""

    args: tuple[Any, ...]
    shapes: tuple[Shape, ...]
    output_shape: Shape
    has_weight: bool


class ConvAttributes(TypedDict, total=False):
    """What a kernel predictor wants to know of a convolution or a matrix product."""

    in_chs: int
    out_chs: int
    kernel_size: int
    stride: int
    groups: int
    padding: int


_NAMES: Mapping[str, str] = {
    "convolution": "conv2d",
    "native_batch_norm": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "_native_batch_norm_legit": "batch_norm",
    "cudnn_batch_norm": "batch_norm",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
    "addmm": "matmul",
    "mm": "matmul",
    "bmm": "matmul",
    "baddbmm": "matmul",
    "_softmax": "softmax",
    "hardtanh": "relu6",
    "hardswish": "hard_swish",
    "hardsigmoid": "hard_sigmoid",
    "leaky_relu": "leaky_relu",
    "max_pool2d_with_indices": "max_pool",
    "adaptive_max_pool2d": "max_pool",
    "avg_pool2d": "avg_pool",
    "clone": "copy",
    "_to_copy": "copy",
    "copy": "copy",
    "contiguous": "copy",
    "cat": "cat",
    "stack": "cat",
    "permute": "transpose",
    "t": "transpose",
    "transpose": "transpose",
    "slice": "slice",
    "select": "slice",
    "split": "slice",
    "split_with_sizes": "slice",
    "unsafe_split": "slice",
    "unbind": "slice",
    "_unsafe_view": "reshape",
    "constant_pad_nd": "pad",
    "upsample_nearest2d": "upsample_nearest",
    "upsample_bilinear2d": "upsample_bilinear",
    "upsample_bicubic2d": "upsample_bicubic",
}

# Operations without multiply-adds that are neither element-wise nor views.
_FREE = frozenset(
    {
        "hard_swish",
        *(
            "softmax",
            "mean",
            "sum",
            "amax",
            "max",
            "max_pool",
            "avg_pool",
            "copy",
            "cat",
            "transpose",
            "slice",
            "reshape",
        ),
        *("pad", "upsample_bicubic", "repeat", "arange", "zeros", "ones", "eye", "full", "empty", "roll", "index"),
        *("var_mean", "linalg_vector_norm", "reflection_pad2d", "pixel_shuffle", "pixel_unshuffle", "im2col", "col2im"),
        *("new_zeros", "new_ones", "scalar_tensor", "meshgrid", "flip", "gather", "embedding", "argmax", "topk"),
        *(
            "channel_shuffle",
            "native_dropout",
            "std",
            "var",
            "cumsum",
            "unfold",
            "full_like",
            "zeros_like",
            "ones_like",
        ),
    }
)

# A deployed engine writes these over their input; for memory they cost nothing new.
_IN_PLACE = frozenset(
    {
        "batch_norm",
        "relu",
        "relu6",
        "hard_swish",
        "hard_sigmoid",
        "silu",
        "gelu",
        "sigmoid",
        "leaky_relu",
        "elu",
        "tanh",
    }
)


_TAKES_NUMBER = frozenset({"add", "sub", "mul", "div"})


def name_of(func: Any) -> str:
    """Return our name of an ATen overload: ``aten.relu_.default`` is ``relu``."""
    base: str = func.overloadpacket.__name__
    trimmed = base[:-1] if base.endswith("_") and not base.startswith("_") else base
    if trimmed in _NAMES:
        return _NAMES[trimmed]
    if is_view(func):
        return "reshape"
    return trimmed


def refine(name: str, has_weight: bool) -> str:
    """Tell a linear layer (a product with a weight) from a product of activations."""
    return "linear" if name == "matmul" and has_weight else name


def is_view(func: Any) -> bool:
    """Whether the call returns its input's memory without changing it."""
    returns = func._schema.returns
    alias = returns[0].alias_info if returns else None
    return alias is not None and not alias.is_write


def known_result(name: str, func: Any, args: tuple[Any, ...]) -> Any:
    """Return what an element-wise call gives on the ``meta`` device, or None where it has to be run to know.

    Running these through torch's shape functions takes two thirds of a trace's time, and their shape is their input's.
    """
    if name in ("add", "mul"):
        first, second = args[0], args[1]
        same = isinstance(second, torch.Tensor) and first.shape == second.shape and first.dtype == second.dtype
        return _like(func, first) if same else None
    if name not in _IN_PLACE:
        return None
    if name == "batch_norm":
        outputs = len(func._schema.returns)
        return _like(func, args[0]), *(args[0].new_empty(0) for _ in range(outputs - 1))
    return _like(func, args[0])


def _like(func: Any, tensor: torch.Tensor) -> torch.Tensor:
    writes_into_input = func._schema.name.endswith("_")
    # empty_like would work out strides in Python, which takes longer than the rest of the call.
    return tensor if writes_into_input else torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def is_in_place(name: str) -> bool:
    """Whether an engine can write the result over the input."""
    return name in _IN_PLACE


def macs(name: str, call: Call) -> int | None:
    """Return the MACs of a call, or None if the table does not know the operation."""
    count = _COUNTS.get(name)
    if count is not None:
        return count(call)
    if name in _FREE or _is_pointwise(name):
        return 0
    return None


def conv_attributes(name: str, call: Call) -> ConvAttributes:
    """Return channels, window, stride and groups of a convolution or linear layer; nothing for others."""
    if name == "conv2d":
        weight = call.shapes[1]
        stride, groups = call.args[3], call.args[8]
        return {
            "in_chs": weight[1] * groups,
            "out_chs": weight[0],
            "kernel_size": max(weight[2:], default=1),
            "stride": max(stride, default=1),
            "groups": groups,
            "padding": max(call.args[4], default=0),
        }
    if name == "max_pool" and len(call.args) > 3:
        return {"padding": max(call.args[3], default=0)}
    if name in {"linear", "matmul"}:
        a, b = call.shapes[-2:]
        return {"in_chs": a[-1], "out_chs": b[-1], "kernel_size": 1, "stride": 1, "groups": 1, "padding": 0}
    return {}


def transposed_axes(args: tuple[Any, ...], rank: int) -> tuple[int, ...]:
    """Return the permutation that ``permute``, ``transpose`` or ``t`` does, from its raw arguments."""
    if len(args) == 2:
        return tuple(axis % rank for axis in args[1])
    axes = list(range(rank))
    first, second = args[1:] if len(args) == 3 else (0, rank - 1)
    axes[first], axes[second] = axes[second], axes[first]
    return tuple(axes)


def constant_operand(name: str, args: tuple[Any, ...]) -> float | None:
    """Return the plain number a sum or product takes as its second operand, if it does."""
    if name in _TAKES_NUMBER and len(args) > 1 and isinstance(args[1], (int, float)):
        return float(args[1])
    return None


def _is_pointwise(name: str) -> bool:
    packet = getattr(torch.ops.aten, name, None) or getattr(torch.ops.aten, name + "_", None)
    names = {v: k for k, v in _NAMES.items()}
    packet = packet or getattr(torch.ops.aten, names.get(name, ""), None)
    if packet is None:
        return False
    overloads = [getattr(packet, o) for o in packet.overloads()]
    return any(torch.Tag.pointwise in o.tags or is_view(o) for o in overloads)


def _conv(call: Call) -> int:
    x, weight = call.shapes[0], call.shapes[1]
    transposed = call.args[6]
    positions = prod((x if transposed else call.output_shape)[2:])
    return x[0] * prod(weight) * positions


def _product(call: Call) -> int:
    a, b = call.shapes[-2:]  # addmm and baddbmm have the bias first
    return prod(a) * b[-1]


def _attention(call: Call) -> int:
    q, k, v = call.shapes[:3]
    batch = prod(map(int, torch.broadcast_shapes(q[:-2], k[:-2])))
    return batch * q[-2] * k[-2] * (q[-1] + v[-1])


def _by_input(scale: int, plain: int | None = None) -> Callable[[Call], int]:
    """Count `scale` per input element, or `plain` where the operation has no weights."""

    def count(call: Call) -> int:
        return prod(call.shapes[0]) * (scale if call.has_weight or plain is None else plain)

    return count


def _by_output(scale: int) -> Callable[[Call], int]:
    def count(call: Call) -> int:
        return prod(call.output_shape) * scale

    return count


_COUNTS: Mapping[str, Callable[[Call], int]] = {
    "conv2d": _conv,
    "linear": _product,
    "matmul": _product,
    "attention": _attention,
    "batch_norm": _by_input(2),
    "layer_norm": _by_input(5, plain=4),
    "group_norm": _by_input(5, plain=4),
    "adaptive_avg_pool": _by_input(1),
    "upsample_nearest": _by_output(1),
    "upsample_bilinear": _by_output(4),
}
