"""Where an engine changes how feature maps lie in memory: ``reorder`` operations between blocked and plain maps.

Follows ONNX Runtime's layout transformer: what asks for blocks gets them, what cannot take them gets a plain copy,
each copy is made once, and a transpose next to a change of layout is part of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Literal, cast

from nas.cost.rules import BlockedLayout, Layout

if TYPE_CHECKING:  # reading a hardware profile must not import torch
    from nas.cost.ops import Op, Shape

_TO_CHANNELS_LAST, _TO_CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
_Place = Literal["plain", "blocked"]


def with_reorders(ops: Sequence[Op], blocked: BlockedLayout, entry: Layout) -> tuple[list[Op], Layout]:
    """Insert the changes of layout, given the layout of the input; also return the layout of the result."""
    readers: dict[int, list[Op]] = defaultdict(list)
    for op in ops:
        for value in op.inputs:
            readers[value].append(op)
    maps = _Maps(entry, blocked)
    for op in ops:
        source, result, name = _places(op, maps, readers[op.output], blocked)
        if op.name == "batch_norm" and result == "blocked" and blocked.block > 1 and not maps.foldable(op, readers):
            maps.add(_as_conv(op), source, result)
        else:
            maps.add(replace(op, name=name), source, result)
    return maps.ops, maps.layout(ops[-1].output if ops else 0)


class _Maps:
    """The operations so far, and by value and layout the number of the copy that holds it."""

    def __init__(self, entry: Layout, blocked: BlockedLayout) -> None:
        self.ops: list[Op] = []
        self._copies: dict[int, dict[str, int]] = {0: dict.fromkeys(entry.split("+"), 0)}
        self._maker: dict[int, Op] = {}
        self._made = 0
        self._blocked = blocked

    def is_made_in(self, value: int, place: _Place) -> bool:
        """Whether `value` was made in this layout; a copy does not count."""
        return next(iter(self._copies.get(value, ("plain",)))) == place

    def layout(self, value: int) -> Layout:
        """Return the layouts that `value` is there in, first that it was made in."""
        return cast(Layout, "+".join(self._copies.get(value, ("plain",))))

    def foldable(self, op: Op, readers: Mapping[int, Sequence[Op]]) -> bool:
        """Whether a batch norm has a convolution before it that nothing else reads: it becomes part of its weights."""
        maker = self._maker.get(op.inputs[0])
        while maker is not None and len(readers[maker.output]) == 1 and maker.name in ("batch_norm", "scale", "bias"):
            maker = self._maker.get(maker.inputs[0])
        return maker is not None and maker.name == "conv2d" and len(readers[maker.output]) == 1

    def add(self, op: Op, source: _Place, result: _Place) -> None:
        """Append `op` with inputs in one layout and its result in the same or another."""
        inputs = tuple(self._copy(v, s, source) for v, s in zip(op.inputs, op.input_shapes, strict=True))
        self.ops.append(replace(op, inputs=inputs))
        self._copies[op.output] = {result: op.output}
        self._maker[op.output] = op

    def _copy(self, value: int, shape: Shape, place: _Place) -> int:
        copies = self._copies.setdefault(value, {"plain": value})
        if place not in copies:
            self._made += 1
            number = -(1 << 40) - self._made
            free = self._blocked.free_transposes and (len(shape) < 4 or prod(shape[2:]) == 1)
            self.ops.append(_reorder("reshape" if free else "reorder", next(iter(copies.values())), number, shape))
            copies[place] = number
        return copies[place]


def _as_conv(op: Op) -> Op:
    """Return the depthwise convolution that a batch norm on blocked maps runs as."""
    shape = op.output_shape
    return replace(
        op, name="conv2d", macs=prod(shape), in_chs=shape[1], out_chs=shape[1], kernel_size=1, stride=1, groups=shape[1]
    )


def _reorder(name: str, source: int, output: int, shape: Shape) -> Op:
    from nas.cost.ops import Op

    return Op(name, 0, (source,), output, (shape,), shape)


def _places(op: Op, maps: _Maps, readers: Sequence[Op], blocked: BlockedLayout) -> tuple[_Place, _Place, str]:
    """Return the layout of the inputs and of the result of `op`, and the name it runs under."""
    if op.name == "conv2d":
        return (*_conv_places(op, blocked), op.name)
    if op.name in blocked.pools and not op.axes and len(op.input_shapes[0]) == 4:
        place: _Place = "plain" if op.input_shapes[0][1] % blocked.block else "blocked"
        return place, place, op.name
    all_blocked = bool(op.inputs) and all(maps.is_made_in(value, "blocked") for value in op.inputs)
    if op.name == "transpose" and op.axes == _TO_CHANNELS_LAST and all_blocked:
        return "blocked", "plain", "reshape" if blocked.free_transposes else "reorder"
    if op.name == "transpose" and op.axes == _TO_CHANNELS_FIRST:
        if blocked.free_transposes:
            return "plain", "blocked", "reshape"
        if _one_wants_blocks(readers, blocked):
            return "plain", "blocked", "reorder"
    stays = op.name in blocked.keeps or (op.name in blocked.joins and _joins(op, blocked))
    return ("blocked", "blocked", op.name) if stays and all_blocked else ("plain", "plain", op.name)


def _conv_places(op: Op, blocked: BlockedLayout) -> tuple[_Place, _Place]:
    """Return the layouts of a convolution; one of few channels reads a plain map and gives a blocked one."""
    if op.groups == 1 and op.in_chs < blocked.block:
        return "plain", "blocked"
    if op.groups == 1 or op.groups == op.in_chs == op.out_chs:
        fits = op.in_chs % blocked.align == 0
    else:
        fits = op.in_chs // op.groups % blocked.block == 0 == op.out_chs // op.groups % blocked.block
    return ("blocked", "blocked") if fits else ("plain", "plain")


def _one_wants_blocks(readers: Sequence[Op], blocked: BlockedLayout) -> bool:
    """Whether a convolution on blocks is the only reader: it changes the layout of what a transpose would give."""
    return len(readers) == 1 and readers[0].name == "conv2d" and _conv_places(readers[0], blocked)[0] == "blocked"


def _joins(op: Op, blocked: BlockedLayout) -> bool:
    """Whether the maps of an operation are whole blocks (concatenation) or equally large (sum, product)."""
    if op.name == "cat":
        return len(op.output_shape) == 4 and not any(shape[1] % blocked.block for shape in op.input_shapes)
    return len(op.inputs) > 1 and (blocked.broadcasts or len(set(op.input_shapes)) == 1)
