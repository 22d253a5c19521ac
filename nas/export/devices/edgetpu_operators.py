"""The operators that the Edge TPU runs, and under which conditions.

From Coral's page "TensorFlow models on the Edge TPU" (supported operations) and from issues of google-coral/edgetpu
(631: a version of CONV_2D that the last compiler, 16.0, refuses).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from nas.export.flatbuffer import Operator, Tensor

_KINDS = frozenset({"INT8", "UINT8"})
_CONSTANT_KINDS = _KINDS | {"INT32"}
_MOST_SOFTMAX = 16_000
_NEWEST: Mapping[str, int] = MappingProxyType({"CONV_2D": 5})

_UNCONDITIONAL = frozenset(
    {
        *("ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "LSTM", "MAXIMUM", "MINIMUM", "MUL", "PACK", "PRELU"),
        *("QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR"),
        *("RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SUB", "TANH"),
    }
)


def reasons(operator: Operator) -> Iterator[str]:
    """Say why the Edge TPU does not run `operator`; nothing if it does."""
    if operator.name not in _UNCONDITIONAL and operator.name not in _CONDITIONS:
        yield "not among the documented operators"
        return
    newest = _NEWEST.get(operator.name)
    if newest is not None and operator.version > newest:
        yield f"version {operator.version}, the compiler knows up to {newest}"
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor is not None:
            yield from _of_tensor(tensor)
    if operator.name in _CONDITIONS:
        yield from _CONDITIONS[operator.name](operator)


def _of_tensor(tensor: Tensor) -> Iterator[str]:
    if tensor.kind not in (_CONSTANT_KINDS if tensor.is_constant else _KINDS):
        yield f"{tensor.kind} numbers"
    if not tensor.static:
        yield "a size that is not fixed"
    # Weights of convolutions have four dimensions by nature.
    if not tensor.is_constant and any(size > 1 for size in tensor.shape[:-3]):
        yield f"shape {'x'.join(map(str, tensor.shape))}: only the three last dimensions may exceed 1"


def _no_activation(operator: Operator) -> Iterator[str]:
    if operator.options.get("fusedActivationFunction"):
        yield "a fused activation"


def _concatenation(operator: Operator) -> Iterator[str]:
    yield from _no_activation(operator)
    constants = [t for t in operator.inputs if t is not None and t.is_constant]
    if constants and (len(operator.inputs) != 2 or any(any(t.data) for t in constants)):
        yield "a constant that is not the zeros of a padding"


def _convolution(operator: Operator) -> Iterator[str]:
    if operator.options["dilationWFactor"] != operator.options["dilationHFactor"]:
        yield "another dilation along x than along y"
    if not _constant(operator, 1):
        yield "weights that are no constant"


def _fully_connected(operator: Operator) -> Iterator[str]:
    weights = operator.inputs[1]
    if weights is None or not weights.is_constant:
        yield "weights that are no constant"
    elif weights.scales > 1:
        yield "a scale per channel: the compiler's generation of kernels returns a constant"
    if operator.options.get("weightsFormat"):
        yield "weights in another than the default format"
    if any(size > 1 for size in operator.outputs[0].shape[:-1]):
        yield "an output of more than one dimension"


def _mean(operator: Operator) -> Iterator[str]:
    source, axes = operator.inputs[0], _integers(operator.inputs[1])
    if source is None or not axes:
        yield "axes that are no constant"
        return
    rank = len(source.shape)
    axes = tuple(axis % rank for axis in axes)
    if 0 in axes:
        yield "a mean over the batch"
    if rank - 1 in axes and source.shape[-1] % 4:
        yield f"a mean over {source.shape[-1]} channels, not a multiple of 4"


def _pad(operator: Operator) -> Iterator[str]:
    amounts = _integers(operator.inputs[1])
    if not amounts:
        yield "amounts that are no constant"
    elif any(amounts[:2]):
        yield "a padded batch"


def _softmax(operator: Operator) -> Iterator[str]:
    shape = operator.outputs[0].shape
    if any(size > 1 for size in shape[:-1]):
        yield "more than one dimension"
    if shape[-1] > _MOST_SOFTMAX:
        yield f"over {_MOST_SOFTMAX} elements"


def _squeeze(operator: Operator) -> Iterator[str]:
    source = operator.inputs[0]
    if (
        source is not None
        and source.shape[len(source.shape) - len(operator.outputs[0].shape) :] != operator.outputs[0].shape
    ):
        yield "only leading dimensions can be dropped"


def _strided_slice(operator: Operator) -> Iterator[str]:
    if any(step != 1 for step in _integers(operator.inputs[3])):
        yield "a stride other than 1"


def _constant(operator: Operator, place: int) -> bool:
    tensor = operator.inputs[place]
    return tensor is not None and tensor.is_constant


def _integers(tensor: Tensor | None) -> tuple[int, ...]:
    data = b"" if tensor is None else tensor.data
    return struct.unpack(f"<{len(data) // 4}i", data)


_CONDITIONS: Mapping[str, Callable[[Operator], Iterator[str]]] = MappingProxyType(
    {
        **{"AVERAGE_POOL_2D": _no_activation, "MAX_POOL_2D": _no_activation, "CONCATENATION": _concatenation},
        **{"CONV_2D": _convolution, "DEPTHWISE_CONV_2D": _convolution, "FULLY_CONNECTED": _fully_connected},
        **{"MEAN": _mean, "PAD": _pad, "SOFTMAX": _softmax, "SQUEEZE": _squeeze, "STRIDED_SLICE": _strided_slice},
    }
)
