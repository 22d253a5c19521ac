"""YOLO11 as a plain module, for fitting latency only: the architecture of the published Jetson measurements.

Written from the published model description (Ultralytics YOLO11, 2024): convolutions, C3k2, SPPF and C2PSA with the
width and depth multiples of the scales n, s, m, x. No weights, no training, no post-processing beyond the heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CLASSES = 80
BINS = 16  # of the box regression, per side

# depth multiple, width multiple, largest number of channels before the width multiple
SCALES = {"n": (0.5, 0.25, 1024), "s": (0.5, 0.5, 1024), "m": (0.5, 1.0, 512), "x": (1.0, 1.5, 512)}


def conv(in_chs: int, out_chs: int, kernel_size: int = 1, stride: int = 1, *, groups: int = 1, act: bool = True):
    """Convolution, batch norm and (mostly) SiLU."""
    layers = [
        nn.Conv2d(in_chs, out_chs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_chs),
    ]
    return nn.Sequential(*layers, nn.SiLU()) if act else nn.Sequential(*layers)


class Bottleneck(nn.Module):
    """Two 3x3 convolutions with a residual."""

    def __init__(self, chs: int, ratio: float) -> None:
        super().__init__()
        hidden = int(chs * ratio)
        self.body = nn.Sequential(conv(chs, hidden, 3), conv(hidden, chs, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        return x + self.body(x)


class C3k(nn.Module):
    """Two paths, one through bottlenecks, joined by a 1x1 convolution."""

    def __init__(self, chs: int, depth: int = 2) -> None:
        super().__init__()
        hidden = chs // 2
        self.first, self.second, self.join = conv(chs, hidden), conv(chs, hidden), conv(2 * hidden, chs)
        self.body = nn.Sequential(*(Bottleneck(hidden, 1.0) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        return self.join(torch.cat((self.body(self.first(x)), self.second(x)), 1))


class C3k2(nn.Module):
    """A split, a chain of blocks on one half, and a join of all that came along."""

    def __init__(self, in_chs: int, out_chs: int, depth: int, *, deep: bool, ratio: float = 0.5) -> None:
        super().__init__()
        chs = int(out_chs * ratio)
        self.split, self.join = conv(in_chs, 2 * chs), conv((2 + depth) * chs, out_chs)
        self.blocks = nn.ModuleList(C3k(chs) if deep else Bottleneck(chs, 0.5) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        parts = list(self.split(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.join(torch.cat(parts, 1))


class SPPF(nn.Module):
    """Three chained poolings, joined."""

    def __init__(self, chs: int) -> None:
        super().__init__()
        self.reduce, self.join = conv(chs, chs // 2), conv(2 * chs, chs)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        parts = [self.reduce(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.join(torch.cat(parts, 1))


class Attention(nn.Module):
    """Self-attention over the positions of a map, with a depthwise positional term."""

    def __init__(self, chs: int) -> None:
        super().__init__()
        self.heads, self.value_chs = chs // 64, 64
        self.qkv = conv(chs, 2 * chs, act=False)  # keys and queries have half the width of values
        self.project, self.position = conv(chs, chs, act=False), conv(chs, chs, 3, groups=chs, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        n, c, h, w = x.shape
        key_chs = self.value_chs // 2
        q, k, v = (
            self.qkv(x).view(n, self.heads, 2 * self.value_chs, h * w).split([key_chs, key_chs, self.value_chs], dim=2)
        )
        weights = (q.transpose(-2, -1) @ k).softmax(dim=-1)
        mixed = (v @ weights.transpose(-2, -1)).reshape(n, c, h, w)
        return self.project(mixed + self.position(v.reshape(n, c, h, w)))


class AttentionBlock(nn.Module):
    """Attention and a feed-forward pair, both residual."""

    def __init__(self, chs: int) -> None:
        super().__init__()
        self.attention = Attention(chs)
        self.feed = nn.Sequential(conv(chs, 2 * chs), conv(2 * chs, chs, act=False))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        x = x + self.attention(x)
        return x + self.feed(x)


class C2PSA(nn.Module):
    """A split, attention blocks on one half, a join."""

    def __init__(self, chs: int, depth: int) -> None:
        super().__init__()
        self.split, self.join = conv(chs, chs), conv(chs, chs)
        self.blocks = nn.Sequential(*(AttentionBlock(chs // 2) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        first, second = self.split(x).chunk(2, 1)
        return self.join(torch.cat((first, self.blocks(second)), 1))


class Detect(nn.Module):
    """Box and class heads on three maps, with the expectation over box bins."""

    def __init__(self, chs: tuple[int, ...]) -> None:
        super().__init__()
        box, cls = max(16, chs[0] // 4, 4 * BINS), max(chs[0], min(CLASSES, 100))
        self.boxes = nn.ModuleList(
            nn.Sequential(conv(c, box, 3), conv(box, box, 3), nn.Conv2d(box, 4 * BINS, 1)) for c in chs
        )
        self.classes = nn.ModuleList(
            nn.Sequential(
                conv(c, c, 3, groups=c), conv(c, cls), conv(cls, cls, 3, groups=cls), conv(cls, cls),
                nn.Conv2d(cls, CLASSES, 1),
            )
            for c in chs
        )  # fmt: skip
        self.expectation = nn.Conv2d(BINS, 1, 1, bias=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Run the heads; gives (N, 4 + classes, positions)."""
        boxes = torch.cat([head(x).flatten(2) for head, x in zip(self.boxes, maps, strict=True)], 2)
        classes = torch.cat([head(x).flatten(2) for head, x in zip(self.classes, maps, strict=True)], 2)
        n, _, positions = boxes.shape
        bins = boxes.view(n, 4, BINS, positions).transpose(1, 2).softmax(1)
        return torch.cat((self.expectation(bins).view(n, 4, positions), classes.sigmoid()), 1)


class Yolo11(nn.Module):
    """The whole detector at one scale (``n``, ``s``, ``m`` or ``x``)."""

    def __init__(self, scale: str) -> None:
        super().__init__()
        depth_multiple, width, limit = SCALES[scale]
        depth = max(round(2 * depth_multiple), 1)
        all_deep = scale in "mx"

        def chs(base: int) -> int:
            return -(-int(min(base, limit) * width) // 8) * 8

        c64, c128, c256, c512, c1024 = (chs(base) for base in (64, 128, 256, 512, 1024))
        self.to_p3 = nn.Sequential(
            conv(3, c64, 3, 2),
            conv(c64, c128, 3, 2),
            C3k2(c128, c256, depth, deep=all_deep, ratio=0.25),
            conv(c256, c256, 3, 2),
            C3k2(c256, c512, depth, deep=all_deep, ratio=0.25),
        )
        self.to_p4 = nn.Sequential(conv(c512, c512, 3, 2), C3k2(c512, c512, depth, deep=True))
        self.to_p5 = nn.Sequential(
            conv(c512, c1024, 3, 2), C3k2(c1024, c1024, depth, deep=True), SPPF(c1024), C2PSA(c1024, depth)
        )
        self.up = nn.Upsample(scale_factor=2)
        self.merge_p4 = C3k2(c1024 + c512, c512, depth, deep=all_deep)
        self.merge_p3 = C3k2(c512 + c512, c256, depth, deep=all_deep)
        self.down_p3, self.down_p4 = conv(c256, c256, 3, 2), conv(c512, c512, 3, 2)
        self.out_p4 = C3k2(c256 + c512, c512, depth, deep=all_deep)
        self.out_p5 = C3k2(c512 + c1024, c1024, depth, deep=True)
        self.detect = Detect((c256, c512, c1024))

    def forward(self, x: Tensor) -> Tensor:
        """Run the detector on (N, 3, H, W)."""
        p3 = self.to_p3(x)
        p4 = self.to_p4(p3)
        p5 = self.to_p5(p4)
        merged_p4 = self.merge_p4(torch.cat((self.up(p5), p4), 1))
        out_p3 = self.merge_p3(torch.cat((self.up(merged_p4), p3), 1))
        out_p4 = self.out_p4(torch.cat((self.down_p3(out_p3), merged_p4), 1))
        out_p5 = self.out_p5(torch.cat((self.down_p4(out_p4), p5), 1))
        return self.detect([out_p3, out_p4, out_p5])
