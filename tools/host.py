"""Measures small networks on one core of this machine through ONNX Runtime: the evidence of `host-cpu`."""

from __future__ import annotations

import logging
import platform
import statistics
import sys
import warnings

import timm
import torch
from cells201 import CellNetwork
from targets import Case
from torch import nn

from nas.cost.kernels import fuse
from nas.cost.trace import trace_module
from nas.hardware.fit import MeasuredNetwork, Spread
from nas.hardware.measure.onnxruntime import measure as measure_module
from nas.hardware.profile import HardwareProfile

SECONDS = 0.7  # of measuring a network
REFERENCE = ("mobilenetv2_050", 96)  # measured between the others: its spread is the noise

NETWORKS = (
    *(("mobilenetv2_035", 32), ("mobilenetv2_050", 64), ("mobilenetv2_100", 128), ("mobilenetv2_100", 224)),
    *(("mobilenetv3_small_050", 64), ("mobilenetv3_small_100", 128), ("mobilenetv3_large_100", 160)),
    *(("mobilenetv1_100", 128), ("mobilenetv4_conv_small", 64), ("mobilenetv4_conv_small", 192)),
    *(("efficientnet_lite0", 128), ("efficientnet_b0", 160), ("efficientnet_es", 128), ("mnasnet_small", 96)),
    *(("resnet10t", 96), ("resnet18", 64), ("resnet18", 128), ("regnetx_002", 160), ("regnety_002", 128)),
    *(("ghostnet_100", 128), ("lcnet_050", 96), ("mobilevit_xxs", 96), ("mobilevit_xxs", 160)),
    *(("edgenext_xx_small", 128), ("cells 3x3", 32), ("cells 1x1", 32), ("cells mixed", 32)),
)

_CELLS = {"cells 3x3": (3, 3, 3, 3, 3, 3), "cells 1x1": (2, 2, 2, 1, 2, 2), "cells mixed": (3, 1, 4, 2, 1, 3)}


def measure(template: HardwareProfile) -> Case:
    """Measure all networks and return them as evidence."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    networks, reference_ms = [], []
    for name, resolution in NETWORKS:
        reference_ms.append(_latency_ms(*REFERENCE, seconds=0.3)) if len(networks) % 9 == 0 else None
        latency_ms = _latency_ms(name, resolution)
        kernels = fuse(trace_module(_build(name), (3, resolution, resolution)), template.fusion)
        networks.append(MeasuredNetwork(f"{name} at {resolution}", kernels, latency_ms))
    noise = (max(reference_ms) - min(reference_ms)) / statistics.median(reference_ms)
    return Case(
        kind="measured",
        networks=tuple(networks),
        sources=(f"measured with ONNX Runtime on {_processor()}",),
        spread=Spread(noise=0.05),
        note=f"A reference network measured {len(reference_ms)} times in between varied by {noise:.0%}.",
    )


def _latency_ms(name: str, resolution: int, seconds: float = SECONDS) -> float:
    timing = measure_module(_build(name), (3, resolution, resolution), seconds=seconds)
    busy = " (busy: tenth percentile)" if timing.busy else ""
    print(
        f"{name} at {resolution}: {timing.latency_ms:.3f} ms, CPU {timing.cpu_median_ms:.3f} ms{busy}", file=sys.stderr
    )
    return timing.latency_ms


def _build(name: str) -> nn.Module:
    return CellNetwork(_CELLS[name]) if name in _CELLS else timm.create_model(name, num_classes=100)


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
