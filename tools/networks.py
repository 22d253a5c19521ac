"""The networks of the published tables: what they are called there, at which size they ran, and how to build them.

Inferred identities, where a table gives a name alone:

- "ResNet", "ResNeXt" and "ShuffleNetV2" of mmdeploy are its standard ResNet-50, ResNeXt-50 32x4d and 1.0x.
- "SqueezeNet" and "DenseNet" of Coral are 1.0 and 121: their published CPU latencies fit those MACs. "Inception v1" is
  torchvision's GoogLeNet, which has 3x3 in place of 5x5 convolutions in one branch.
- "MnasNet" of TensorFlow Lite is MnasNet-A1 without squeeze and excitation (B1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torchvision
from timm.models import efficientnet, ghostnet
from torch import nn
from torchvision.models.mobilenetv3 import _mobilenet_v3_conf
from torchvision.models.shufflenetv2 import ShuffleNetV2

from tools import dense
from tools.esnet import ESNet
from tools.yolo11 import Yolo11

Builder = Callable[[], nn.Module]
Size = int | tuple[int, int]


@dataclass(frozen=True)
class Published:
    """A network of a published table.

    Attributes:
        name: what it is called here.
        rows: its names in the table.
        size: height and width of the image.
        build: makes it.
        stated: how the table writes the size, where the same name ran at several.
    """

    name: str
    rows: tuple[str, ...]
    size: Size
    build: Builder
    stated: str = ""

    @property
    def image(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        return 3, height, width


def _timm(name: str, **options: object) -> Builder:
    return lambda: timm.create_model(name, **options)


def _mobilenet_v1(width: float) -> Builder:
    return lambda: efficientnet._gen_mobilenet_v1("mobilenetv1_100", width)


def _mobilenet_v2(width: float) -> Builder:
    return lambda: torchvision.models.MobileNetV2(width_mult=width, round_nearest=1)


def _mobilenet_v3(size: str, width: float) -> Builder:
    """PaddleClas gives every width 1280 features before the classifier."""
    settings, _ = _mobilenet_v3_conf(f"mobilenet_v3_{size}", width_mult=width)
    return lambda: torchvision.models.MobileNetV3(settings, 1280)


def _ghostnet(width: float) -> Builder:
    return lambda: ghostnet._create_ghostnet("ghostnet_100", width)


def _googlenet() -> nn.Module:
    return torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False)


YOLO11 = tuple(
    Published(f"YOLO11{scale}", (f"YOLO11{scale}",), 640, lambda scale=scale: Yolo11(scale)) for scale in "nsmx"
)

CORAL = (
    Published("MobileNet v1", ("MobileNet v1", "mobilenet_v1_1.0_224_quant"), 224, _mobilenet_v1(1.0)),
    Published("Inception v1", ("Inception v1", "inception_v1_224_quant"), 224, _googlenet),
    Published("ResNet-50 v1", ("ResNet-50 V1",), 299, _timm("resnet50")),
    Published("ResNet-50 v2", ("ResNet-50 V2",), 299, _timm("resnetv2_50")),
    Published("VGG16", ("VGG16",), 224, lambda: torchvision.models.vgg16(weights=None, init_weights=False)),
    Published("DenseNet-121", ("DenseNet",), 224, _timm("densenet121")),
    Published("SqueezeNet 1.0", ("SqueezeNet",), 224, torchvision.models.squeezenet1_0),
    Published("EfficientNet-EdgeTPU-S", ("EfficientNet-EdgeTpu-S",), 224, _timm("efficientnet_es")),
    Published("EfficientNet-EdgeTPU-M", ("EfficientNet-EdgeTpu-M",), 240, _timm("efficientnet_em")),
)

EFFICIENTNET_LITE = tuple(
    Published(f"EfficientNet-lite{n}", (f"EfficientNet-lite{n}",), size, _timm(f"efficientnet_lite{n}"))
    for n, size in ((0, 224), (2, 260), (3, 280), (4, 300))
)


def _tflite(row: str, size: int, build: Builder) -> Published:
    return Published(row.replace("_", " "), (row,), size, build)


TFLITE = (
    *(_tflite(f"Mobilenet_V1_{w}_{n}", n, _mobilenet_v1(float(w)))
      for w in ("0.25", "0.50", "0.75", "1.0") for n in (128, 160, 192, 224)),
    _tflite("Mobilenet_V2_1.0_224", 224, _mobilenet_v2(1.0)),
    *(_tflite(f"MnasNet_{w}_{n}", n, _timm(f"mnasnet_{round(100 * float(w)):03d}"))
      for w in ("0.50", "0.75", "1.0") for n in (96, 128, 160, 192, 224)),
    _tflite("DenseNet_224", 224, _timm("densenet121")),
    _tflite("NASNet_large_331", 331, _timm("nasnetalarge")),
    _tflite("ResNet_V2_101_299", 299, _timm("resnetv2_101")),
    _tflite("Inception_ResNet_V2_299", 299, _timm("inception_resnet_v2")),
)  # fmt: skip

_SHUFFLENET_WIDTHS = {
    "_x0_25": (24, 24, 48, 96, 512), "_x0_33": (24, 32, 64, 128, 512), "_x0_5": (24, 48, 96, 192, 1024),
    "": (24, 116, 232, 464, 1024), "_x1_5": (24, 176, 352, 704, 1024), "_x2_0": (24, 224, 488, 976, 2048),
}  # fmt: skip


def _paddle(row: str, build: Builder) -> Published:
    return Published(row, (row, f"{row}_ssld"), 224, build)


PADDLE = (
    *(_paddle(f"MobileNetV1{x}", _mobilenet_v1(w)) for x, w in (("_x0_5", 0.5), ("_x0_75", 0.75), ("", 1.0))),
    *(_paddle(f"MobileNetV2{x}", _mobilenet_v2(w))
      for x, w in (("_x0_25", 0.25), ("_x0_5", 0.5), ("_x0_75", 0.75), ("", 1.0), ("_x2_0", 2.0))),
    *(_paddle(f"MobileNetV3_{size}_{x}", _mobilenet_v3(size, w)) for size in ("small", "large")
      for x, w in (("x0_35", 0.35), ("x0_5", 0.5), ("x0_75", 0.75), ("x1_0", 1.0), ("x1_25", 1.25))),
    *(_paddle(f"ShuffleNetV2{x}", lambda widths=widths: ShuffleNetV2([4, 8, 4], list(widths)))
      for x, widths in _SHUFFLENET_WIDTHS.items()),
    *(_paddle(f"GhostNet_{x}", _ghostnet(w)) for x, w in (("x0_5", 0.5), ("x1_0", 1.0), ("x1_3", 1.3))),
    *(_paddle(f"ESNet_{x}", lambda w=w: ESNet(w)) for x, w in (("x0_25", 0.25), ("x0_75", 0.75), ("x1_0", 1.0))),
)  # fmt: skip

MMDEPLOY = (
    Published("ResNet-50", ("ResNet",), 224, _timm("resnet50")),
    Published("ResNeXt-50 32x4d", ("ResNeXt",), 224, _timm("resnext50_32x4d")),
    Published("ShuffleNetV2 1.0x", ("ShuffleNetV2",), 224, torchvision.models.shufflenet_v2_x1_0),
    Published("RetinaNet-R50", ("RetinaNet",), (800, 1344), lambda: dense.DenseDetector(9)),
    Published("FCOS-R50", ("FCOS",), (800, 1344), lambda: dense.DenseDetector(1, group_norm=True)),
    Published("FSAF-R50", ("FSAF",), (800, 1344), lambda: dense.DenseDetector(1)),
    *(Published(f"{head}-R50", (head,), (512, 1024), lambda head=head: dense.Segmenter(head)) for head in dense.HEADS),
)

JETSON_INFERENCE = tuple(
    Published(f"FCN-ResNet18 {name} {stated}", (f"fcn-resnet18-{row}",), _height_first,
              lambda classes=classes: dense.FcnResNet18(classes), stated)
    for name, row, stated, _height_first, classes in (
        ("cityscapes", "cityscapes-1024x512", "1024x512", (512, 1024), 21),
        ("deepscene", "deepscene-576x320", "576x320", (320, 576), 5),
        ("deepscene", "deepscene-864x480", "864x480", (480, 864), 5),
        ("mhp", "mhp-512x320", "512x320", (320, 512), 21),
        ("mhp", "mhp-512x320", "640x360", (360, 640), 21),
        ("voc", "voc-320x320", "320x320", (320, 320), 21),
        ("sun", "sun-512x400", "512x400", (400, 512), 21),
        ("sun", "sun-640x512", "640x512", (512, 640), 21),
    )
)  # fmt: skip
