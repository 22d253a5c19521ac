"""What a trace records: plain data, so that reading kernels and profiles needs no torch.

Shapes include the batch, which is 1: ``(1, C, H, W)``.
"""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Op:
    """One recorded operation; activations are numbered, weights are only counted.

    Attributes:
        axes: of a transpose, where each dimension of the result comes from; of a mean of rows, the last.
        constant: the number that an addition or product takes instead of a second tensor.
    """

    name: str
    macs: int
    inputs: tuple[int, ...]
    output: int
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weight_elements: int = 0
    in_chs: int = 0
    out_chs: int = 0
    kernel_size: int = 0
    stride: int = 0
    groups: int = 0
    padding: int = 0
    axes: tuple[int, ...] = ()
    constant: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything one forward pass of a module does.

    Attributes:
        ops: the operations in order.
        params: trainable numbers.
        macs: fused multiply-adds of one image.
        peak_memory_elements: most activation elements alive at once.
        uncovered: operations that the table does not know; their MACs count as zero.
    """

    ops: tuple[Op, ...]
    params: int
    macs: int
    peak_memory_elements: int
    uncovered: tuple[str, ...] = ()
