"""A kernel as both sides know it: what it is, its size and what else it does.

Channels are rounded up to blocks on both sides where an engine reports padded channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from nas.cost.kernels import Kernel

Signature = tuple[str, tuple[int, ...], tuple[str, ...]]
"""Operation, sizes, and the operations done in the same kernel, sorted."""

_FOLDED = frozenset({"batch_norm", "scale", "bias"})  # into weights: no engine reports them
_SAME = {"adaptive_avg_pool": "mean", "scale": "mul", "bias": "add"}


@dataclass(frozen=True, slots=True)
class Signatures:
    """Makes signatures, with channels rounded up to a multiple of `block`."""

    block: int = 1

    def conv(
        self, kernel_size: int, in_chs: int, out_chs: int, groups: int, positions: int, joined: Sequence[str] = ()
    ) -> Signature:
        """Return the signature of a convolution."""
        groups = self._padded(groups) if groups > 1 else 1
        sizes = (kernel_size, self._padded(in_chs), self._padded(out_chs), groups, positions)
        return "conv", sizes, tuple(sorted(joined))

    def linear(self, in_chs: int, out_chs: int, rows: int, joined: Sequence[str] = ()) -> Signature:
        """Return the signature of a product with a weight."""
        return "linear", (in_chs, out_chs, rows), tuple(joined)

    def matmul(self, macs: int) -> Signature:
        """Return the signature of a product of activations."""
        return "matmul", (macs,), ()

    def copy(self, elements: int) -> Signature:
        """Return the signature of whatever moves data: a transpose, a concatenation, a change of layout."""
        return "copy", (elements,), ()

    def other(self, name: str, shape: tuple[int, ...], joined: Sequence[str] = ()) -> Signature:
        """Return the signature of any other operation, by the size of its result."""
        if len(shape) == 4:
            shape = (shape[0], self._padded(shape[1]), *shape[2:])
        return _SAME.get(name, name), (prod(shape),), tuple(joined)

    def predicted(self, kernel: Kernel) -> Signature:
        """Return the signature of a kernel of ours."""
        shape, joined = kernel.output_shape, tuple(op for op in kernel.ops[1:] if op not in _FOLDED)
        if kernel.kind.startswith("conv"):
            positions = shape[0] * prod(shape[2:])
            return self.conv(kernel.kernel_size, kernel.in_chs, kernel.out_chs, kernel.groups, positions, joined)
        if kernel.kind == "linear":
            return self.linear(kernel.in_chs, kernel.out_chs, prod(shape) // kernel.out_chs, joined)
        if kernel.kind == "matmul":
            return self.matmul(kernel.macs)
        if kernel.kind == "copy":
            return self.copy(prod(shape))
        if kernel.ops == ("add", "layer_norm"):
            return self.other("layer_norm", shape, ("add",))
        return self.other(kernel.ops[0], shape, joined)

    def _padded(self, channels: int) -> int:
        return -(-channels // self.block) * self.block
