"""A kernel as both sides know it: what it is, its size and what else it does.

Channels are rounded up to blocks of 16 on both sides, because ONNX Runtime reports padded channels.
"""

from __future__ import annotations

from math import prod

from nas.cost.kernels import Kernel

Signature = tuple[str, tuple[int, ...], tuple[str, ...]]
"""Operation, sizes, and the operations done in the same kernel, sorted."""

BLOCK = 16
_FOLDED = frozenset({"batch_norm", "scale", "bias"})  # into weights: no engine reports them
_SAME = {"adaptive_avg_pool": "mean", "scale": "mul", "bias": "add"}


def conv(
    kernel_size: int, in_chs: int, out_chs: int, groups: int, positions: int, joined: tuple[str, ...] = ()
) -> Signature:
    """Return the signature of a convolution with its padded channels."""
    groups = _padded(groups) if groups > 1 else 1
    return "conv", (kernel_size, _padded(in_chs), _padded(out_chs), groups, positions), tuple(sorted(joined))


def linear(in_chs: int, out_chs: int, rows: int, joined: tuple[str, ...] = ()) -> Signature:
    """Return the signature of a product with a weight."""
    return "linear", (in_chs, out_chs, rows), joined


def matmul(macs: int) -> Signature:
    """Return the signature of a product of activations."""
    return "matmul", (macs,), ()


def copy(elements: int) -> Signature:
    """Return the signature of whatever moves data: a transpose, a concatenation, a change of layout."""
    return "copy", (elements,), ()


def other(name: str, shape: tuple[int, ...], joined: tuple[str, ...] = ()) -> Signature:
    """Return the signature of any other operation, by the size of its result."""
    if len(shape) == 4:
        shape = (shape[0], _padded(shape[1]), *shape[2:])
    return _SAME.get(name, name), (prod(shape),), joined


def predicted(kernel: Kernel) -> Signature:
    """Return the signature of a kernel of ours."""
    shape, joined = kernel.output_shape, tuple(op for op in kernel.ops[1:] if op not in _FOLDED)
    if kernel.kind.startswith("conv"):
        positions = shape[0] * prod(shape[2:])
        return conv(kernel.kernel_size, kernel.in_chs, kernel.out_chs, kernel.groups, positions, joined)
    if kernel.kind == "linear":
        return linear(kernel.in_chs, kernel.out_chs, prod(shape) // kernel.out_chs, joined)
    if kernel.kind == "matmul":
        return matmul(kernel.macs)
    if kernel.kind == "copy":
        return copy(prod(shape))
    if kernel.ops == ("add", "layer_norm"):
        return other("layer_norm", shape, ("add",))
    return other(kernel.ops[0], shape, joined)


def _padded(channels: int) -> int:
    return -(-channels // BLOCK) * BLOCK
