"""The cell networks of NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326), as engines run them.

Operators of the six edges 0>1, 0>2, 1>2, 0>3, 1>3, 2>3: 0 none, 1 skip, 2 1x1 convolution, 3 3x3 convolution,
4 3x3 average pooling. For fitting latency only.

What becomes of an edge without an operator is a property of the engine. Some run networks as if such edges were left
out, with every branch that then has no input or reaches no output: `CellNetwork(ops)`. Others take the published
PyTorch code as it is, where such an edge multiplies by zero and every sum starts from the number 0:
`CellNetwork(ops, zeros=True)`; what of this they leave out is said by their fusion rules (`drop`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from torch import Tensor, nn

from nas.cost.ops import Op, Trace
from nas.cost.trace import trace_module

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
NONE, SKIP, CONV1, CONV3, POOL = range(5)
CELLS_PER_STAGE = 5
WIDTHS = (16, 32, 64)
SIZE = 32


def live_edges(ops: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return (from, to, operator) of the edges on a path from the input to the output."""
    edges = [(start, end, op) for (start, end), op in zip(EDGES, ops, strict=True) if op != NONE]
    fed, used = {0}, {3}
    for start, end, _ in edges:  # in topological order
        if start in fed:
            fed.add(end)
    for start, end, _ in sorted(edges, key=lambda edge: -edge[1]):
        if end in used:
            used.add(start)
    return [edge for edge in edges if edge[0] in fed and edge[1] in used]


def relu_conv_bn(in_chs: int, out_chs: int, kernel_size: int, stride: int = 1) -> nn.Module:
    """ReLU, convolution, batch norm, in this order."""
    conv = nn.Conv2d(in_chs, out_chs, kernel_size, stride, kernel_size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(out_chs))


class Zero(nn.Module):
    """An edge without an operator, as published."""

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros that are computed from `x`."""
        return x * 0.0


def operator(op: int, chs: int) -> nn.Module:
    """Build the module of one edge."""
    if op == NONE:
        return Zero()
    if op == SKIP:
        return nn.Identity()
    if op == POOL:
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return relu_conv_bn(chs, chs, 1 if op == CONV1 else 3)


class Cell(nn.Module):
    """Four nodes; each sums what its edges bring."""

    def __init__(self, ops: tuple[int, ...], chs: int, zeros: bool = False) -> None:
        super().__init__()
        every = [(start, end, op) for (start, end), op in zip(EDGES, ops, strict=True)]
        self.zeros = zeros
        self.edges = every if zeros else live_edges(ops)
        self.operators = nn.ModuleList(operator(op, chs) for _, _, op in self.edges)

    def forward(self, x: Tensor) -> Tensor:
        """Run the cell."""
        nodes: dict[int, Tensor] = {0: x}
        for (start, end, _), module in zip(self.edges, self.operators, strict=True):
            value = module(nodes[start])
            if end in nodes:
                nodes[end] = nodes[end] + value
            else:
                nodes[end] = 0 + value if self.zeros else value
        return nodes[3]


class Reduction(nn.Module):
    """A residual block that halves the map and doubles the width."""

    def __init__(self, in_chs: int, out_chs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(relu_conv_bn(in_chs, out_chs, 3, 2), relu_conv_bn(out_chs, out_chs, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(in_chs, out_chs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        return self.body(x) + self.shortcut(x)


class Head(nn.Module):
    """Batch norm, mean over the map, linear classifier."""

    def __init__(self, chs: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.Sequential(nn.BatchNorm2d(chs), nn.ReLU())
        self.classifier = nn.Linear(chs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Run the head."""
        return self.classifier(self.norm(x).mean((2, 3)))


def stem() -> nn.Module:
    """Build what comes before the cells."""
    return nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0]))


class CellNetwork(nn.Sequential):
    """Stem, three stages of five cells with reductions between, and a head, for 32x32 images.

    Args:
        ops: the operators of the six edges.
        num_classes: outputs of the classifier.
        zeros: whether an edge without an operator multiplies by zero, as published, or is left out.
    """

    def __init__(self, ops: tuple[int, ...], num_classes: int = 10, *, zeros: bool = False) -> None:
        layers: list[nn.Module] = [stem()]
        for stage, chs in enumerate(WIDTHS):
            if stage:
                layers.append(Reduction(WIDTHS[stage - 1], chs))
            layers.extend(Cell(ops, chs, zeros) for _ in range(CELLS_PER_STAGE))
        super().__init__(*layers, Head(WIDTHS[-1], num_classes))


def trace_cells(ops: tuple[int, ...], *, zeros: bool = False) -> Trace:
    """Return the trace of a `CellNetwork` with ten classes, equal cells traced once."""
    start, reductions, end = _fixed_parts()
    traces = [start]
    for stage, chs in enumerate(WIDTHS):
        if stage:
            traces.append(reductions[stage - 1])
        size = SIZE >> stage
        traces += [trace_module(Cell(ops, chs, zeros), (chs, size, size))] * CELLS_PER_STAGE
    return chain([*traces, end])


@cache
def _fixed_parts() -> tuple[Trace, tuple[Trace, ...], Trace]:
    """Trace what all cell networks share: stem, reductions, head."""
    reductions = tuple(
        trace_module(Reduction(before, after), (before, SIZE >> stage, SIZE >> stage))
        for stage, (before, after) in enumerate(pairwise(WIDTHS))
    )
    size = SIZE >> len(reductions)
    return (
        trace_module(stem(), (3, SIZE, SIZE)),
        reductions,
        trace_module(Head(WIDTHS[-1], 10), (WIDTHS[-1], size, size)),
    )


def chain(traces: Sequence[Trace]) -> Trace:
    """Join the traces of parts that feed one another; value 0 is each part's input, its last operation the result."""
    ops: list[Op] = []
    entry = last = 0
    for trace in traces:
        shift = last
        for op in trace.ops:
            inputs = tuple(value + shift if value else entry for value in op.inputs)
            ops.append(replace(op, inputs=inputs, output=op.output + shift))
            last = max(last, op.output + shift)
        entry = ops[-1].output if trace.ops else entry
    return Trace(
        ops=tuple(ops),
        params=sum(trace.params for trace in traces),
        macs=sum(trace.macs for trace in traces),
        peak_memory_elements=max(trace.peak_memory_elements for trace in traces),
        uncovered=tuple(dict.fromkeys(name for trace in traces for name in trace.uncovered)),
    )
