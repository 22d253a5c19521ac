"""The cell networks of NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326), without branches that reach no output.

Operators of the six edges 0>1, 0>2, 1>2, 0>3, 1>3, 2>3: 0 none, 1 skip, 2 1x1 convolution, 3 3x3 convolution,
4 3x3 average pooling. For fitting latency only.
"""

from __future__ import annotations

from torch import Tensor, nn

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
NONE, SKIP, CONV1, CONV3, POOL = range(5)
CELLS_PER_STAGE = 5
WIDTHS = (16, 32, 64)


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


def operator(op: int, chs: int) -> nn.Module:
    """Build the module of one edge."""
    if op == SKIP:
        return nn.Identity()
    if op == POOL:
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return relu_conv_bn(chs, chs, 1 if op == CONV1 else 3)


class Cell(nn.Module):
    """Four nodes; each sums what its live edges bring."""

    def __init__(self, ops: tuple[int, ...], chs: int) -> None:
        super().__init__()
        self.edges = live_edges(ops)
        self.operators = nn.ModuleList(operator(op, chs) for _, _, op in self.edges)

    def forward(self, x: Tensor) -> Tensor:
        """Run the cell."""
        nodes: dict[int, Tensor] = {0: x}
        for (start, end, _), module in zip(self.edges, self.operators, strict=True):
            value = module(nodes[start])
            nodes[end] = nodes[end] + value if end in nodes else value
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


class CellNetwork(nn.Module):
    """Stem, three stages of five cells with reductions between, and a classifier, for 32x32 images."""

    def __init__(self, ops: tuple[int, ...], num_classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
        ]
        for stage, chs in enumerate(WIDTHS):
            if stage:
                layers.append(Reduction(WIDTHS[stage - 1], chs))
            layers.extend(Cell(ops, chs) for _ in range(CELLS_PER_STAGE))
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(WIDTHS[-1]), nn.ReLU())
        self.classifier = nn.Linear(WIDTHS[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Run the network."""
        return self.classifier(self.features(x).mean((2, 3)))
