"""Published and measured latencies as kernel lists: the evidence each profile is fitted to.

Reads the data folder that ``--data`` or NAS_BENCH_DATA names. A network measured twice counts once, with the
geometric mean of its latencies, so that leaving it out leaves it out entirely.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
import torchvision
from cells201 import CellNetwork
from torch import nn
from yolo11 import Yolo11

from nas.cost.kernels import FusionRules, fuse
from nas.cost.trace import trace_module
from nas.hardware.fit import MeasuredNetwork

Builder = Callable[[], nn.Module]


@dataclass(frozen=True)
class Published:
    """A network of the published table: its names there, its resolution, and how to build it."""

    name: str
    rows: tuple[str, ...]
    resolution: int
    build: Builder


def _timm(name: str, **options: object) -> Builder:
    return lambda: timm.create_model(name, **options)


YOLO11 = tuple(
    Published(f"YOLO11{scale}", (f"YOLO11{scale}",), 640, lambda scale=scale: Yolo11(scale)) for scale in "nsmx"
)

CORAL = (
    Published("MobileNet v1", ("MobileNet v1", "mobilenet_v1_1.0_224_quant"), 224, _timm("mobilenetv1_100")),
    Published(
        "Inception v1",
        ("Inception v1", "inception_v1_224_quant"),
        224,
        lambda: torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False),
    ),
    Published("ResNet-50 v1", ("ResNet-50 V1",), 299, _timm("resnet50")),
    Published("ResNet-50 v2", ("ResNet-50 V2",), 299, _timm("resnetv2_50")),
    Published("VGG16", ("VGG16",), 224, lambda: torchvision.models.vgg16(weights=None, init_weights=False)),
    Published("DenseNet-121", ("DenseNet",), 224, _timm("densenet121")),
    Published("SqueezeNet 1.0", ("SqueezeNet",), 224, torchvision.models.squeezenet1_0),
    Published("EfficientNet-EdgeTPU-S", ("EfficientNet-EdgeTpu-S",), 224, _timm("efficientnet_es")),
    Published("EfficientNet-EdgeTPU-M", ("EfficientNet-EdgeTpu-M",), 240, _timm("efficientnet_em")),
)

EFFICIENTNET_LITE = tuple(
    Published(
        f"EfficientNet-lite{size}",
        (f"EfficientNet-lite{size}",),
        resolution,
        _timm(f"efficientnet_lite{size}"),
    )
    for size, resolution in ((0, 224), (2, 260), (3, 280), (4, 300))
)


def published(
    data: Path,
    networks: Iterable[Published],
    fusion: FusionRules,
    *,
    device: str,
    dtype: str,
    engine: str,
    threads: str,
) -> list[MeasuredNetwork]:
    """Return the networks the published table has for a device, an engine and a precision."""
    latencies: dict[str, list[float]] = defaultdict(list)
    with (data / "published_model_latency.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            same = row["device"] == device and row["dtype"] == dtype and row["engine"].startswith(engine)
            if same and row["threads"] == threads and "IMPLAUSIBLE" not in row["note"]:
                latencies[row["model"]].append(float(row["latency_ms"]))
    measured = []
    for network in networks:
        found = [ms for name in network.rows for ms in latencies.get(name, ())]
        if found:
            shape = (3, network.resolution, network.resolution)
            kernels = fuse(trace_module(network.build(), shape), fusion)
            measured.append(MeasuredNetwork(network.name, kernels, geometric_mean(found)))
    return measured


def cells(data: Path, column: str, fusion: FusionRules, count: int, seed: int = 0) -> list[MeasuredNetwork]:
    """Return `count` random cell networks of NAS-Bench-201 with a latency in `column`."""
    with gzip.open(data / "nb201_latency.csv.gz", "rt", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row[column]]
    drawn = random.Random(seed).sample(rows, min(count, len(rows)))
    return [_cell(row["arch_str"], float(row[column]), fusion) for row in drawn]


def _cell(arch: str, latency_ms: float, fusion: FusionRules) -> MeasuredNetwork:
    with torch.device("meta"):
        network = CellNetwork(_operators(arch))
    return MeasuredNetwork(arch, fuse(trace_module(network, (3, 32, 32)), fusion), latency_ms)


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of positive values."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


_OPERATORS = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 4}


def _operators(arch: str) -> tuple[int, ...]:
    nodes = [part for node in arch.strip("|").split("|+|") for part in node.split("|")]
    return tuple(_OPERATORS[part.split("~")[0]] for part in nodes)
