"""The operations an engine has left once it has simplified a network: before layout and fusion are decided.

Each step takes operations in order and gives operations in order; `nas.cost.rules` says which an engine takes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading a hardware profile must not import torch
    from nas.cost.ops import Op, Shape
    from nas.cost.rules import FusionRules

_PRODUCTS, _SUMS = frozenset({"mul", "div"}), frozenset({"add", "sub"})
VIEW = "reshape"


def simplify(ops: Sequence[Op], rules: FusionRules) -> list[Op]:
    """Return what is left of `ops` by an engine's rules; the last operation gives the result of the network."""
    left = [_named(op) for op in ops]
    if "identities" in rules.drop:
        left = _without_identities(left, rules)
    if "zeros" in rules.drop:
        left = _without_zeros(left)
    left = [part for op in left for part in _expanded(op, rules)]
    if "unread" in rules.drop:
        left = _without_unread(left)
    if rules.split:
        left = _with_splits(left)
    if rules.explicit_padding:
        left = [part for op in left for part in _padded(op)]
    left = [_swap(op) for op in left]
    if rules.hoist_scales:
        left = _with_scales_hoisted(left, rules)
    return _without_prologues(left, rules) if rules.prologue else left


def readers(ops: Iterable[Op]) -> Counter[int]:
    """Count the operations that read each value."""
    return Counter(value for op in ops for value in set(op.inputs))


def is_view(op: Op, rules: FusionRules) -> bool:
    """Whether an operation costs nothing under the rules."""
    return op.name in rules.free and op.macs == 0


def _named(op: Op) -> Op:
    """Give sums and products with a number or one weight a channel a name of their own."""
    if op.name not in _PRODUCTS | _SUMS or len(op.inputs) != 1 or op.input_shapes[0] != op.output_shape:
        return op
    shape = op.output_shape
    channels = {shape[-1], shape[1] if len(shape) == 4 else shape[-1]}
    if op.weight_elements > 1 and op.weight_elements not in channels:
        return op
    return replace(op, name="scale" if op.name in _PRODUCTS else "bias")


def _as_view(op: Op) -> Op:
    return replace(op, name=VIEW, macs=0)


def _without_identities(ops: Sequence[Op], rules: FusionRules) -> list[Op]:
    """Leave out what gives its input as it is; at the very end it stays, at no cost, to name the result."""
    source: dict[int, int] = {}
    left: list[Op] = []
    for op in ops:
        known = replace(op, inputs=tuple(source.get(value, value) for value in op.inputs))
        if not _is_identity(known, rules):
            left.append(known)
        elif op is ops[-1]:
            left.append(_as_view(known))
        else:
            source[op.output] = known.inputs[0]
    return left


def _is_identity(op: Op, rules: FusionRules) -> bool:
    if op.input_shapes != (op.output_shape,):
        return False
    moves_nothing = op.name in ("slice", "pad", "cat") or is_view(op, rules)
    return moves_nothing or op.constant == {"scale": 1.0, "bias": 0.0}.get(op.name, object())


def _without_zeros(ops: Sequence[Op]) -> list[Op]:
    """Leave out products with zero, what is made of them alone, and additions of them."""
    zero: set[int] = set()
    left: list[Op] = []
    for op in ops:
        if (op.name == "scale" and op.constant == 0.0) or (op.name == VIEW and zero.issuperset(op.inputs)):
            zero.add(op.output)
        elif op.name == "add" and zero.intersection(op.inputs):
            kept = [(v, s) for v, s in zip(op.inputs, op.input_shapes, strict=True) if v not in zero]
            if kept:
                left.append(replace(_as_view(op), inputs=(kept[0][0],), input_shapes=(kept[0][1],)))
            else:
                zero.add(op.output)
        else:
            left.append(op)
    return left


def chain(op: Op, names: Sequence[str]) -> list[Op]:
    """Take an operation apart into operations of these names, one after the other; the first has its weights.

    A product or sum of activations reads the input of the operation too.
    """
    parts: list[Op] = []
    for position, name in enumerate(names):
        source: tuple[int, ...] = op.inputs
        if parts:
            source = (parts[-1].output, *(op.inputs[:1] if name in _PRODUCTS | _SUMS else ()))
        kind, _, rows = name.partition("@")
        shape = (*op.output_shape[:-1], 1) if rows else op.output_shape
        part = replace(op, name=kind, inputs=source, input_shapes=(shape,) * len(source), output_shape=shape)
        if rows:
            part = replace(part, axes=(-1,))
        if position < len(names) - 1:
            part = replace(part, output=_inner(op, position))
        parts.append(replace(part, macs=0, weight_elements=0, constant=None) if position else part)
    return parts


def _expanded(op: Op, rules: FusionRules) -> list[Op]:
    """Take an operation apart; the parts of fused attention are its two products and what lies between."""
    names = rules.expand.get(op.name)
    if names is None:
        return [op]
    return _attention(op, names) if op.name == "attention" else chain(op, names)


def _attention(op: Op, names: Sequence[str]) -> list[Op]:
    (q, k, v), (q_shape, k_shape, v_shape) = op.inputs[:3], op.input_shapes[:3]
    scores_shape = (*op.output_shape[:-2], q_shape[-2], k_shape[-2])
    macs = prod(scores_shape) * q_shape[-1]
    plain = replace(op, macs=0, weight_elements=0)
    parts: list[Op] = []
    for position, name in enumerate(names[: names.index("matmul")]):
        value, on_queries = _inner(op, position), name == "scale" and "scale" not in names[:position]
        source, shape = (q, q_shape) if on_queries else (k, k_shape)
        q, k = (value, k) if on_queries else (q, value)
        parts.append(
            replace(plain, name=name, inputs=(source,), input_shapes=(shape,), output=value, output_shape=shape)
        )
    first = len(parts)
    plain = replace(plain, output_shape=scores_shape)
    product = replace(plain, name="matmul", macs=macs, inputs=(q, k), input_shapes=(q_shape, k_shape))
    parts.append(replace(product, output=_inner(op, first)))
    for position, name in enumerate(names[first + 1 : -1], start=first + 1):
        before = parts[-1].output
        parts.append(
            replace(plain, name=name, inputs=(before,), input_shapes=(scores_shape,), output=_inner(op, position))
        )
    weights = parts[-1].output
    last = replace(op, name=names[-1], macs=op.macs - macs, inputs=(weights, v), input_shapes=(scores_shape, v_shape))
    return [*parts, last]


def _inner(op: Op, position: int) -> int:
    """Number a value inside an operation: negative, so that it is no value of the trace."""
    return -(op.output * 64 + position + 1)


def _without_unread(ops: Sequence[Op]) -> list[Op]:
    """Leave out operations whose results nothing reads, except the last."""
    wanted: set[int] = {ops[-1].output} if ops else set()
    left: list[Op] = []
    for op in reversed(ops):
        if op.output in wanted:
            wanted.update(op.inputs)
            left.append(op)
    return left[::-1]


def _with_splits(ops: Sequence[Op]) -> list[Op]:
    """Join the slices that take a value apart into one ``split``, done before a transpose of that value."""
    by_source: dict[int, list[Op]] = defaultdict(list)
    for op in ops:
        if op.name == "slice":
            by_source[op.inputs[0]].append(op)
    split = {source: slices for source, slices in by_source.items() if _takes_apart(slices)}
    counts = readers(ops)
    sunk = {
        op.output: op for op in ops if op.name == "transpose" and counts[op.output] == len(split.get(op.output, ()))
    }
    left: list[Op] = []
    for op in ops:
        if op.name == "slice" and op.inputs[0] in split:
            left.extend(_split_parts(op, split[op.inputs[0]], sunk.get(op.inputs[0])))
        elif op.output not in sunk or op.output not in split:
            left.append(op)
    return left


def _takes_apart(slices: Sequence[Op]) -> bool:
    return len(slices) > 1 and sum(prod(s.output_shape) for s in slices) == prod(slices[0].input_shapes[0])


def _split_parts(op: Op, slices: Sequence[Op], transpose: Op | None) -> list[Op]:
    """Return the split at its first slice, and for each slice a view of it or the transpose of its part."""
    whole = _inner(slices[0], 0)
    source = transpose or op
    parts = []
    if op is slices[0]:
        shape = source.input_shapes[0]
        parts.append(
            replace(op, name="split", inputs=source.inputs, input_shapes=(shape,), output_shape=shape, output=whole)
        )
    name = VIEW if transpose is None else "transpose"
    return [*parts, replace(op, name=name, inputs=(whole,), input_shapes=(op.output_shape,))]


def _padded(op: Op) -> list[Op]:
    """Put a kernel that pads before a convolution whose padding is not what "same" would give."""
    if op.name == "max_pool":
        uneven = op.padding > 0
    elif op.name == "conv2d" and op.padding:
        size = op.input_shapes[0][-1]
        same = max((-(-size // op.stride) - 1) * op.stride + op.kernel_size - size, 0)
        uneven = same != 2 * op.padding
    else:
        uneven = False
    if not uneven:
        return [op]
    batch, chs, *sides = op.input_shapes[0]
    shape = (batch, chs, *(side + 2 * op.padding for side in sides))
    pad = replace(op, name="pad", macs=0, weight_elements=0, output=_inner(op, 0), output_shape=shape)
    return [pad, replace(op, inputs=(pad.output,), input_shapes=(shape,))]


def _swap(op: Op) -> Op:
    rank = len(op.output_shape)
    swapped = (*range(rank - 2), rank - 1, rank - 2)
    return replace(op, name="swap") if op.name == "transpose" and rank > 1 and op.axes == swapped else op


def _with_scales_hoisted(ops: Sequence[Op], rules: FusionRules) -> list[Op]:
    """Turn into views the products with a number that become part of the weights from which the value comes."""
    counts, maker = readers(ops), {op.output: op for op in ops}

    def comes_from_weights(value: int) -> bool:
        op = maker.get(value)
        while op is not None and counts[op.output] == 1 and (is_view(op, rules) or op.name in ("transpose", "swap")):
            op = maker.get(op.inputs[0])
        return op is not None and counts[op.output] == 1 and op.name in ("conv2d", "linear")

    by_number = [op.name == "scale" and not op.weight_elements and comes_from_weights(op.inputs[0]) for op in ops]
    return [_as_view(op) if hoisted else op for op, hoisted in zip(ops, by_number, strict=True)]


def _without_prologues(ops: Sequence[Op], rules: FusionRules) -> list[Op]:
    """Turn into views what an engine does while it reads the inputs of a kernel, and nothing else reads."""
    counts, maker = readers(ops), {op.output: op for op in ops}
    inside: set[int] = set()
    for op in ops:
        names = rules.prologue.get(op.name, ())
        for value in op.inputs if names else ():
            inside.update(_prologue(value, names, counts, maker, rules))
    return [_as_view(op) if op.output in inside else op for op in ops]


def _prologue(
    value: int, names: Sequence[str], counts: Counter[int], maker: dict[int, Op], rules: FusionRules
) -> Iterable[int]:
    """Yield the values, back from an input of a kernel, that need not be made; each kind of operation once."""
    left = set(names)
    while value in maker and counts[value] == 1:
        op = maker[value]
        if op.name in left:
            left.discard(op.name)
            yield value
        elif not (is_view(op, rules) and _merges_leading(op.input_shapes[0], op.output_shape)):
            return
        value = op.inputs[0]


def _merges_leading(before: Shape, after: Shape) -> bool:
    """Whether a view leaves the last two dimensions and adds none in front."""
    return before[-2:] == after[-2:] and len(after) <= len(before)
