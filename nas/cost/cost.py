"""The cost of an architecture as a sum over its parts, each traced once and remembered.

After warm-up, costing an architecture is a dictionary look-up per block.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from nas.blocks import Block
from nas.cost.ops import Trace
from nas.cost.trace import trace_module
from nas.model.folding import folded
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

BYTES_PER_ACTIVATION = 4  # float32

InputShape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A head together with the number of classes it tells apart: the last part of a network."""

    head: Head
    num_classes: int


Part = Stem | Block | Classifier
"""A piece of a network that is traced on its own."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one forward pass of one image costs.

    Attributes:
        macs: fused multiply-adds (what fvcore and papers call FLOPs).
        params: trainable numbers, of the deployed form where blocks are folded for it (`nas.model.folding`).
        peak_memory_bytes: most activation memory alive at once, in float32.
    """

    macs: int
    params: int
    peak_memory_bytes: int


def architecture_parts(architecture: Architecture) -> Iterator[tuple[Part, InputShape]]:
    """Yield stem, every block and the head, each with the ``(C, H, W)`` it takes.

    Two equal pairs are the same computation, so anything known of a part may be remembered by the pair.
    """
    size = architecture.resolution
    yield architecture.stem, (3, size, size)
    shape = architecture.stem.output_shape(size)
    for stage in architecture.stages:
        for block in stage:
            yield block, shape
            shape = (block.out_chs, _shrunk(shape[1], block.stride), _shrunk(shape[2], block.stride))
    yield Classifier(architecture.head, architecture.num_classes), shape


def part_module(part: Part, input_shape: InputShape) -> nn.Module:
    """Build one part of a network on its own."""
    in_chs, side, _ = input_shape
    if isinstance(part, Stem):
        return nn.Sequential(OrderedDict(part.modules(side, in_chs)))
    if isinstance(part, Classifier):
        return nn.Sequential(OrderedDict(part.head.modules(in_chs, part.num_classes)))
    return part.build(in_chs)


def trace_part(part: Part, input_shape: InputShape) -> Trace:
    """Trace one part of a network in the form in which it is deployed (`nas.model.folding`); remembered."""
    return _trace_part(part, input_shape)  # type: ignore[arg-type]  # every block is a frozen dataclass


@functools.lru_cache(maxsize=1024)  # a cost model and a predictor ask one after the other, and keep what they read
def _trace_part(part: Part, input_shape: InputShape) -> Trace:
    if isinstance(part, (Stem, Classifier)):
        with torch.device("meta"):
            return trace_module(part_module(part, input_shape), input_shape)
    return trace_module(_deployed(part, input_shape[0]), input_shape)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=256)  # modules are large
def _deployed(block: Block, in_chs: int) -> nn.Module:
    """Build a block without weights, folded; remembered, because it meets maps of several sizes."""
    with torch.device("meta"), torch.no_grad():
        return folded(block.build(in_chs))


class CostModel:
    """Costs architectures; remembers every part it has seen."""

    def __init__(self) -> None:
        self._known: dict[tuple[Part, InputShape], tuple[int, int, int]] = {}

    def cost(self, architecture: Architecture) -> Cost:
        """Return MACs, parameters and peak activation memory of one architecture."""
        known = self._known
        macs = params = peak = 0
        for key in architecture_parts(architecture):
            figures = known.get(key)
            if figures is None:
                trace = trace_part(*key)
                figures = known[key] = (trace.macs, trace.params, trace.peak_memory_elements)
            macs += figures[0]
            params += figures[1]
            if figures[2] > peak:
                peak = figures[2]
        return Cost(macs, params, peak * BYTES_PER_ACTIVATION)


def trace_cost(trace: Trace) -> Cost:
    """Return the cost of a whole traced module."""
    return Cost(trace.macs, trace.params, trace.peak_memory_elements * BYTES_PER_ACTIVATION)


def _shrunk(size: int, stride: int) -> int:
    """Return the output size of a window with symmetric padding."""
    return (size - 1) // stride + 1
