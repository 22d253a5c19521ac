"""From recorded operations to kernels: what an engine launches after it has fused what it can."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading a hardware profile must not import torch
    from nas.cost.ops import Op, Trace

_POOLS = frozenset({"mean", "sum", "amax", "avg_pool", "max_pool", "adaptive_avg_pool"})
_NORMS = frozenset({"batch_norm", "layer_norm", "group_norm"})
_COPIES = frozenset({"reshape", "transpose", "copy", "cat", "slice", "pad", "roll", "index"})
_RESIZES = frozenset({"upsample_nearest", "upsample_bilinear", "upsample_bicubic"})
_OWN_KIND = frozenset({"linear", "matmul", "attention", "softmax"})

KINDS = (
    *("conv", "conv_dw", "conv_pw", "conv_group", "linear", "matmul", "attention"),
    *("softmax", "norm", "pool", "elementwise", "copy", "resize"),
)


@dataclass(frozen=True, slots=True)
class FusionRules:
    """What an engine joins into one kernel, as data.

    Attributes:
        absorb: by the first operation of a kernel, the operations that may follow inside it.
        free: operations that cost nothing, such as reshapes of a contiguous map.
    """

    absorb: dict[str, tuple[str, ...]] = field(default_factory=dict)
    free: tuple[str, ...] = ("reshape",)


@dataclass(frozen=True, slots=True)
class Kernel:
    """One launch of an engine, with what it computes and moves.

    Attributes:
        kind: one of `KINDS`.
        ops: names of the operations joined in it, in order.
        macs: fused multiply-adds of its first operation; what is absorbed is free.
        read_elements: activation elements read, with second operands of absorbed operations.
        write_elements: activation elements written.
        weight_elements: weights read.
        output_shape: ``(1, C, H, W)`` or what the operation gives.
    """

    kind: str
    ops: tuple[str, ...]
    macs: int
    read_elements: int
    write_elements: int
    weight_elements: int
    in_chs: int
    out_chs: int
    kernel_size: int
    stride: int
    groups: int
    output_shape: tuple[int, ...]

    @property
    def label(self) -> str:
        """Return a short description: ``conv_dw 3x3 s2 96 -> 96 @ 56x56 + batch_norm + relu6``."""
        window = f" {self.kernel_size}x{self.kernel_size}" if self.kind.startswith("conv") else ""
        stride = f" s{self.stride}" if self.stride > 1 else ""
        chs = f" {self.in_chs} -> {self.out_chs}" if self.out_chs else ""
        # A linear layer has its channels last: (1, T, D) is worked on at T positions.
        where_shape = self.output_shape[1:-1] if self.kind == "linear" else self.output_shape[2:]
        positions = "x".join(map(str, where_shape))
        where = f" @ {positions}" if positions else ""
        first = "" if self.kind in (*_OWN_KIND, "conv", "conv_dw", "conv_pw", "conv_group") else f" {self.ops[0]}"
        return f"{self.kind}{first}{window}{stride}{chs}{where}" + "".join(f" + {op}" for op in self.ops[1:])


def fuse(trace: Trace, rules: FusionRules) -> tuple[Kernel, ...]:
    """Join the operations of a trace into kernels by an engine's rules."""
    readers = _readers(trace, rules)
    groups: list[list[Op]] = []
    maker: dict[int, int] = {}  # value -> index of the group that makes it
    for op in trace.ops:
        if op.name in rules.free and op.macs == 0:
            if op.inputs and op.inputs[0] in maker:
                maker[op.output] = maker[op.inputs[0]]
            continue
        index = _absorbing_group(op, groups, maker, readers, rules)
        if index is None:
            index = len(groups)
            groups.append([])
        groups[index].append(op)
        maker[op.output] = index
    return tuple(_kernel(group) for group in groups)


def kernel_kind(op: Op) -> str:
    """Return the kind of kernel an operation starts; what is not listed moves data element by element."""
    if op.name == "conv2d":
        if op.groups > 1:
            return "conv_dw" if op.groups == op.in_chs else "conv_group"
        return "conv_pw" if op.kernel_size == 1 else "conv"
    if op.name in _OWN_KIND:
        return op.name
    for names, kind in ((_POOLS, "pool"), (_NORMS, "norm"), (_COPIES, "copy"), (_RESIZES, "resize")):
        if op.name in names:
            return kind
    return "elementwise"


def _readers(trace: Trace, rules: FusionRules) -> Counter[int]:
    """Count the readers of each value, looking through operations that cost nothing."""
    source: dict[int, int] = {}
    counts: Counter[int] = Counter()
    for op in trace.ops:
        roots = [source.get(value, value) for value in op.inputs]
        if op.name in rules.free and op.macs == 0 and roots:
            source[op.output] = roots[0]
        else:
            counts.update(set(roots))
    for value, root in source.items():
        counts[value] = counts[root]
    return counts


def _absorbing_group(
    op: Op, groups: list[list[Op]], maker: dict[int, int], readers: Counter[int], rules: FusionRules
) -> int | None:
    """Return the latest group that makes an input read by nothing else and may take the operation."""
    candidates = sorted({maker[v] for v in op.inputs if v in maker and readers[v] == 1}, reverse=True)
    for index in candidates:
        if op.name in rules.absorb.get(groups[index][0].name, ()):
            return index
    return None


def _kernel(group: list[Op]) -> Kernel:
    first, inside = group[0], {op.output for op in group}
    outside = [prod(s) for op in group for v, s in zip(op.inputs, op.input_shapes, strict=True) if v not in inside]
    return Kernel(
        kind=kernel_kind(first),
        ops=tuple(op.name for op in group),
        macs=first.macs,
        read_elements=sum(outside),
        write_elements=prod(group[-1].output_shape),
        weight_elements=sum(op.weight_elements for op in group if op.name not in _NORMS or op is first),
        in_chs=first.in_chs,
        out_chs=first.out_chs,
        kernel_size=first.kernel_size,
        stride=first.stride,
        groups=first.groups,
        output_shape=group[-1].output_shape,
    )
