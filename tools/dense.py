"""Segmenters and detectors of the published Jetson and T4 measurements as plain modules, for fitting latency only.

Written from the papers' descriptions with the standard configurations at 512x1024 (mmseg: a ResNet-50 with a
three-convolution stem and output stride 8) and 800x1344 (mmdet: a ResNet-50 with a feature pyramid), and the
fully convolutional ResNet-18 of jetson-inference, which keeps its output stride of 32. Post-processing is left out.
"""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CITYSCAPES = 19
COCO = 80
DECODER_CHS = 512
PYRAMID_CHS = 256


def conv(in_chs: int, out_chs: int, kernel_size: int = 1, *, dilation: int = 1, groups: int = 1) -> nn.Module:
    """Convolution, batch norm and ReLU."""
    padding = dilation * (kernel_size // 2)
    layer = nn.Conv2d(in_chs, out_chs, kernel_size, 1, padding, dilation, groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out_chs), nn.ReLU())


def separable(in_chs: int, out_chs: int, dilation: int = 1) -> nn.Module:
    """Depthwise, then pointwise."""
    return nn.Sequential(conv(in_chs, in_chs, 3, dilation=dilation, groups=in_chs), conv(in_chs, out_chs))


class FcnHead(nn.Module):
    """Two convolutions and the input beside them (Long et al. 2015, arXiv 1411.4038)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(2048, DECODER_CHS, 3), conv(DECODER_CHS, DECODER_CHS, 3))
        self.join = conv(2048 + DECODER_CHS, DECODER_CHS, 3)

    def forward(self, _low: Tensor, x: Tensor) -> Tensor:
        """Run the head."""
        return self.join(torch.cat((x, self.body(x)), 1))


class PspHead(nn.Module):
    """Pooling at four scales (Zhao et al. 2017, arXiv 1612.01105)."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), conv(2048, DECODER_CHS)) for size in (1, 2, 3, 6)
        )
        self.join = conv(2048 + 4 * DECODER_CHS, DECODER_CHS, 3)

    def forward(self, _low: Tensor, x: Tensor) -> Tensor:
        """Run the head."""
        pooled = [F.interpolate(pool(x), x.shape[2:], mode="bilinear") for pool in self.pools]
        return self.join(torch.cat((x, *pooled), 1))


class AsppHead(nn.Module):
    """Dilated convolutions side by side (Chen et al. 2017, arXiv 1706.05587; 2018, arXiv 1802.02611)."""

    def __init__(self, *, plus: bool) -> None:
        super().__init__()
        wide = [
            separable(2048, DECODER_CHS, d) if plus else conv(2048, DECODER_CHS, 3, dilation=d) for d in (12, 24, 36)
        ]
        self.paths = nn.ModuleList([conv(2048, DECODER_CHS), *wide])
        self.image = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(2048, DECODER_CHS))
        self.join = conv(5 * DECODER_CHS, DECODER_CHS, 3)
        self.low = conv(256, 48) if plus else None
        self.refine = nn.Sequential(separable(DECODER_CHS + 48, DECODER_CHS), separable(DECODER_CHS, DECODER_CHS))

    def forward(self, low: Tensor, x: Tensor) -> Tensor:
        """Run the head."""
        image = F.interpolate(self.image(x), x.shape[2:], mode="bilinear")
        x = self.join(torch.cat((image, *(path(x) for path in self.paths)), 1))
        if self.low is None:
            return x
        return self.refine(torch.cat((F.interpolate(x, low.shape[2:], mode="bilinear"), self.low(low)), 1))


HEADS = {
    "FCN": FcnHead, "PSPNet": PspHead,
    "DeepLabV3": lambda: AsppHead(plus=False), "DeepLabV3+": lambda: AsppHead(plus=True),
}  # fmt: skip


class Segmenter(nn.Module):
    """ResNet-50 at output stride 8, a head, and the answer at the size of the image."""

    def __init__(self, head: str) -> None:
        super().__init__()
        self.backbone = timm.create_model("resnet50c", features_only=True, output_stride=8, out_indices=(1, 4))
        self.head = HEADS[head]()
        self.classify = nn.Conv2d(DECODER_CHS, CITYSCAPES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give the class of each pixel."""
        classes = F.interpolate(self.classify(self.head(*self.backbone(x))), x.shape[2:], mode="bilinear")
        return classes.argmax(1)


class Pyramid(nn.Module):
    """ResNet-50 with a feature pyramid of five maps (Lin et al. 2017, arXiv 1612.03144)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model("resnet50", features_only=True, out_indices=(2, 3, 4))
        self.lateral = nn.ModuleList(nn.Conv2d(chs, PYRAMID_CHS, 1) for chs in (512, 1024, 2048))
        self.smooth = nn.ModuleList(nn.Conv2d(PYRAMID_CHS, PYRAMID_CHS, 3, padding=1) for _ in range(3))
        self.further = nn.ModuleList(nn.Conv2d(PYRAMID_CHS, PYRAMID_CHS, 3, 2, 1) for _ in range(2))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give five maps, finest first."""
        third, fourth, fifth = (layer(x) for layer, x in zip(self.lateral, self.backbone(x), strict=True))
        fourth = fourth + F.interpolate(fifth, fourth.shape[2:])
        third = third + F.interpolate(fourth, third.shape[2:])
        maps = [layer(x) for layer, x in zip(self.smooth, (third, fourth, fifth), strict=True)]
        for layer in self.further:
            maps.append(layer(maps[-1]))
        return maps


class DenseDetector(nn.Module):
    """Two towers of four convolutions on every map of a pyramid (Lin et al. 2017, arXiv 1708.02002).

    Args:
        anchors: boxes at each place: 9 for RetinaNet, 1 for FCOS and FSAF.
        group_norm: whether the towers are normalised by groups, as in FCOS.
    """

    def __init__(self, anchors: int, *, group_norm: bool = False) -> None:
        super().__init__()
        self.pyramid = Pyramid()
        self.classes, self.boxes = self._tower(group_norm), self._tower(group_norm)
        self.to_class = nn.Conv2d(PYRAMID_CHS, anchors * COCO, 3, padding=1)
        self.to_box = nn.Conv2d(PYRAMID_CHS, anchors * 4, 3, padding=1)
        self.to_centre = nn.Conv2d(PYRAMID_CHS, 1, 3, padding=1) if group_norm else None

    def _tower(self, group_norm: bool) -> nn.Module:
        layers: list[nn.Module] = []
        for _ in range(4):
            layers += [nn.Conv2d(PYRAMID_CHS, PYRAMID_CHS, 3, padding=1)]
            layers += [nn.GroupNorm(32, PYRAMID_CHS)] if group_norm else []
            layers += [nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Give scores and boxes of all places, (N, places, classes + 4)."""
        found = []
        for at in self.pyramid(x):
            boxes = self.boxes(at)
            parts = [self.to_class(self.classes(at)).sigmoid(), self.to_box(boxes)]
            parts += [self.to_centre(boxes).sigmoid()] if self.to_centre is not None else []
            found.append(torch.cat([part.flatten(2) for part in parts], 1))
        return torch.cat(found, 2)


class FcnResNet18(nn.Module):
    """ResNet-18 with a convolution of 128 channels and a classifier at stride 32."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        self.backbone = timm.create_model("resnet18", features_only=True, out_indices=(4,))
        self.head = nn.Sequential(conv(512, 128, 3), nn.Conv2d(128, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores of the classes at every 32nd pixel."""
        return self.head(self.backbone(x)[0])
