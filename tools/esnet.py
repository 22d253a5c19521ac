"""ESNet of PP-PicoDet (Yu et al. 2021, arXiv 2111.00902) as a plain module, for fitting latency only.

Written from the paper's description of the enhanced shuffle block. MACs and parameters agree with the published ones
to 3 % (``tests/tools/test_networks.py``).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

BLOCKS = (3, 7, 3)  # of which the first reduces
STEM_CHS, WIDE_CHS, CLASSIFIER_CHS = 24, 1024, 1280


def conv(in_chs: int, out_chs: int, kernel_size: int, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Module:
    """Convolution, batch norm and (mostly) hard swish."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_chs, out_chs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_chs),
    ]
    return nn.Sequential(*layers, nn.Hardswish()) if act else nn.Sequential(*layers)


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, chs: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(chs, chs // 4, 1),
            nn.ReLU(),
            nn.Conv2d(chs // 4, chs, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels."""
        return x * self.gate(x)


class Unit(nn.Module):
    """Stride 1: half of the channels pass, the other half are worked on; then channels are shuffled."""

    def __init__(self, chs: int) -> None:
        super().__init__()
        half = chs // 2
        self.enter, self.gate, self.leave = conv(half, half, 1), Gate(chs), conv(chs, half, 1)
        self.depthwise = conv(half, half, 3, groups=half, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        kept, worked = x.chunk(2, 1)
        worked = self.enter(worked)
        worked = self.leave(self.gate(torch.cat((worked, self.depthwise(worked)), 1)))
        n, c, h, w = x.shape
        return torch.cat((kept, worked), 1).view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Reduction(nn.Module):
    """Stride 2: two branches, joined, then a depthwise and a pointwise convolution."""

    def __init__(self, in_chs: int, out_chs: int) -> None:
        super().__init__()
        half = out_chs // 2
        self.first = nn.Sequential(conv(in_chs, in_chs, 3, 2, in_chs, act=False), conv(in_chs, half, 1))
        self.second = nn.Sequential(
            conv(in_chs, half, 1), conv(half, half, 3, 2, half, act=False), Gate(half), conv(half, half, 1)
        )
        self.join = nn.Sequential(conv(out_chs, out_chs, 3, groups=out_chs), conv(out_chs, out_chs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        return self.join(torch.cat((self.first(x), self.second(x)), 1))


class ESNet(nn.Module):
    """The whole classifier at a width multiple."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        widths = [STEM_CHS, *(divisible(base * scale) for base in (116, 232, 464))]
        layers: list[nn.Module] = [conv(3, STEM_CHS, 3, 2), nn.MaxPool2d(3, 2, 1)]
        for (in_chs, out_chs), blocks in zip(pairwise(widths), BLOCKS, strict=True):
            layers += [Reduction(in_chs, out_chs), *(Unit(out_chs) for _ in range(blocks - 1))]
        layers += [conv(widths[-1], WIDE_CHS, 1), nn.AdaptiveAvgPool2d(1)]
        layers += [nn.Conv2d(WIDE_CHS, CLASSIFIER_CHS, 1, bias=False), nn.Hardswish(), nn.Flatten()]
        self.layers = nn.Sequential(*layers, nn.Linear(CLASSIFIER_CHS, 1000))

    def forward(self, x: Tensor) -> Tensor:
        """Run the network on (N, 3, H, W)."""
        return self.layers(x)


def divisible(chs: float, divisor: int = 8) -> int:
    """Round channels to a multiple without losing more than a tenth."""
    rounded = max(divisor, int(chs + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * chs else rounded
