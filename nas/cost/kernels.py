"""From recorded operations to kernels: what an engine launches after it has fused what it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from nas.cost.layout import with_reorders
from nas.cost.rewrite import chain, is_view, readers, simplify
from nas.cost.rules import IMAGE_LAYOUT, Layout
from nas.cost.rules import FusionRules as FusionRules

if TYPE_CHECKING:  # reading a hardware profile must not import torch
    from nas.cost.ops import Op, Shape, Trace

_POOLS = frozenset({"mean", "sum", "amax", "avg_pool", "max_pool", "adaptive_avg_pool"})
_NORMS = frozenset({"batch_norm", "layer_norm", "group_norm"})
_COPIES = frozenset(
    {"reshape", "transpose", "copy", "cat", "slice", "pad", "roll", "index", "split", "swap", "reorder"}
)
_RESIZES = frozenset({"upsample_nearest", "upsample_bilinear", "upsample_bicubic"})
_OWN_KIND = frozenset({"linear", "matmul", "attention", "softmax"})
_IN_PLACE = "in place"  # an operation whose operands were all written where it wants them

KINDS = (
    *("conv", "conv_dw", "conv_pw", "conv_group", "linear", "matmul", "attention"),
    *("softmax", "norm", "pool", "elementwise", "copy", "resize"),
)


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
    return fuse_part(trace, rules, IMAGE_LAYOUT)[0]


def fuse_part(trace: Trace, rules: FusionRules, entry: Layout) -> tuple[tuple[Kernel, ...], Layout]:
    """Join the operations of a part of a network, given the memory layout of the map it takes.

    Returns:
        The kernels, and the layout of the map the part gives: the `entry` of the next part.
    """
    ops, exit_layout = simplify(trace.ops, rules), entry
    if rules.blocked is not None:
        ops, exit_layout = with_reorders(ops, rules.blocked, entry)
    groups = _groups(_written_in_place(_without_views(ops, rules), rules), rules)
    launched = (group for group in groups if group[0].name != _IN_PLACE)
    return tuple(_kernel(part) for group in launched for part in _taken_apart(group, rules)), exit_layout


def _without_views(ops: Sequence[Op], rules: FusionRules) -> list[Op]:
    """Leave out what costs nothing: its readers read what it reads."""
    source: dict[int, int] = {}
    left: list[Op] = []
    for op in ops:
        inputs = tuple(source.get(value, value) for value in op.inputs)
        if not is_view(op, rules):
            left.append(replace(op, inputs=inputs))
        elif inputs:
            source[op.output] = inputs[0]
    return left


def _written_in_place(ops: Sequence[Op], rules: FusionRules) -> list[Op]:
    """Leave of concatenations the operands that are copied."""
    if not rules.in_place:
        return list(ops)
    counts, made = readers(ops), {op.output for op in ops}

    def copied(op: Op) -> list[tuple[int, Shape]]:
        operands = zip(op.inputs, op.input_shapes, strict=True)
        return [(v, s) for v, s in operands if v not in made or counts[v] > 1 or op.inputs.count(v) > 1]

    return [_copying(op, copied(op)) if op.name in rules.in_place else op for op in ops]


def _copying(op: Op, operands: Sequence[tuple[int, Shape]]) -> Op:
    """Return a concatenation that moves these operands only."""
    if not operands:
        return replace(op, name=_IN_PLACE)
    inputs, shapes = zip(*operands, strict=True)
    whole = op.output_shape
    axis = next((i for i, side in enumerate(whole) if side != shapes[0][i]), 0)
    moved = (*whole[:axis], sum(shape[axis] for shape in shapes), *whole[axis + 1 :])
    return replace(op, inputs=inputs, input_shapes=shapes, output_shape=moved)


def _groups(ops: Sequence[Op], rules: FusionRules) -> list[list[Op]]:
    """Collect the operations that run in one kernel."""
    counts = readers(ops)
    groups: list[list[Op]] = []
    maker: dict[int, list[Op]] = {}  # value -> the group that makes it
    for op in ops:
        group = next(
            (maker[v] for v in op.inputs if v in maker and counts[v] == 1 and _takes(maker[v], op, rules)), None
        )
        if group is None:
            group = []
            groups.append(group)
        group.append(op)
        maker[op.output] = group
    return groups


def _taken_apart(group: list[Op], rules: FusionRules) -> list[list[Op]]:
    """Return the kernels of a group: several where an engine has none for an operation that stayed alone."""
    names = rules.expand_alone.get(group[0].name)
    if names is None or len(group) > 1:
        return [group]
    return [[part] for part in chain(group[0], names)]


def _takes(group: Sequence[Op], op: Op, rules: FusionRules) -> bool:
    """Whether a kernel may go on with `op`."""
    follows = op.name not in rules.after or group[-1].name in rules.after[op.name]
    return follows and op.name in rules.absorb.get(group[0].name, ())


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
