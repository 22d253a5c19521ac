"""Measures networks on one core of this machine through ONNX Runtime: the evidence of `host-cpu`.

What was measured is kept in a file of records, so an interrupted run goes on where it stopped; to measure anew, remove
the file. A reference network is measured again between the others: its spread is the noise floor that no
predictor can go below.
"""

from __future__ import annotations

import json
import statistics
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import nn

from nas import runs
from nas.cost.kernels import fuse
from nas.cost.trace import trace_module
from nas.hardware.fit import MeasuredNetwork
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.onnxruntime import measure as measure_module
from nas.hardware.profile import HardwareProfile
from tools.cells201 import CellNetwork

RECORDS = Path("runs") / "host-cpu.measurements.jsonl"
SECONDS = 1.0  # of measuring a network
REFERENCE = ("mobilenetv2_050", 96)
REFERENCE_EVERY = 4  # networks

# The first half has families that the search spaces are made of, the second others: attention, windows, pooling
# mixers, large kernels, aggregated and shuffled channels.
NETWORKS = (
    *(("mobilenetv2_035", 32), ("mobilenetv2_050", 64), ("mobilenetv2_100", 128), ("mobilenetv2_140", 224)),
    *(("mobilenetv3_small_050", 64), ("mobilenetv3_small_100", 128), ("mobilenetv3_large_100", 160)),
    *(("mobilenetv1_100", 128), ("mobilenetv4_conv_small", 64), ("mobilenetv4_conv_medium", 192)),
    *(("efficientnet_lite0", 128), ("efficientnet_b0", 160), ("efficientnet_es", 128), ("mnasnet_small", 96)),
    *(("resnet10t", 96), ("resnet18", 64), ("resnet26", 160), ("regnetx_002", 160), ("regnety_002", 128)),
    *(("ghostnet_100", 128), ("lcnet_050", 96), ("tinynet_d", 128), ("fbnetc_100", 128)),
    *(("mobilevit_xxs", 96), ("mobilevit_xs", 160), ("mobilevitv2_050", 160), ("edgenext_xx_small", 128)),
    *(("efficientformer_l1", 224), ("efficientformerv2_s0", 224), ("efficientvit_b0", 160), ("efficientvit_m0", 224)),
    *(("levit_128s", 224), ("poolformer_s12", 160), ("convnext_atto", 128), ("convnextv2_femto", 160)),
    *(("mobilenetv4_hybrid_medium", 192), ("deit_tiny_patch16_224", 224), ("tiny_vit_5m_224", 224)),
    *(("repvit_m0_9", 160), ("repghostnet_050", 128), ("fastvit_t8", 160), ("starnet_s1", 160), ("hardcorenas_a", 128)),
    *(("densenet121", 96), ("selecsls42", 128), ("xcit_nano_12_p16_224", 224), ("cells 3x3", 32), ("cells mixed", 32)),
)

_CELLS = {"cells 3x3": (3, 3, 3, 3, 3, 3), "cells mixed": (3, 1, 4, 2, 1, 3)}


@dataclass(frozen=True)
class HostEvidence:
    """What was measured here, and how steady the machine was.

    Attributes:
        networks: kernels and latency of each.
        device: the CPU's name.
        reference_ms: of the same network, again and again.
    """

    networks: tuple[MeasuredNetwork, ...]
    device: str
    reference_ms: tuple[float, ...]

    @property
    def noise(self) -> float:
        """Mean absolute deviation of the reference from its median, relative to it."""
        middle = statistics.median(self.reference_ms)
        return statistics.fmean(abs(value / middle - 1) for value in self.reference_ms)


def measure(template: HardwareProfile, records: Path = RECORDS) -> HostEvidence:
    """Measure all networks that `records` does not hold yet and return them as evidence."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    records.parent.mkdir(parents=True, exist_ok=True)
    known = _read(records)
    for place, (name, resolution) in enumerate(NETWORKS):
        if place % REFERENCE_EVERY == 0:
            _measured(*REFERENCE, records, known, again=place // REFERENCE_EVERY)
        _measured(name, resolution, records, known)
    networks = tuple(_network(name, size, known[_key(name, size)], template) for name, size in NETWORKS)
    reference_ms = tuple(ms for key, ms in known.items() if key.endswith("again"))
    found = HostEvidence(networks, cpu_name(), reference_ms)
    print(f"noise floor: a reference measured {len(reference_ms)} times varied by {found.noise:.1%}", file=sys.stderr)
    return found


def _read(records: Path) -> dict[str, float]:
    """Return what is on file for this CPU: latencies by network."""
    if not records.exists():
        return {}
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    return {row["key"]: row["latency_ms"] for row in rows if row["cpu"] == cpu_name()}


def _measured(name: str, resolution: int, records: Path, known: dict[str, float], again: int | None = None) -> None:
    key = _key(name, resolution) if again is None else f"{_key(name, resolution)}, {again} again"
    if key in known:
        return
    timing = measure_module(_build(name), (3, resolution, resolution), seconds=SECONDS)
    busy = " (busy: tenth percentile)" if timing.busy else ""
    print(f"{key}: {timing.latency_ms:.3f} ms, CPU {timing.cpu_median_ms:.3f} ms{busy}", file=sys.stderr, flush=True)
    known[key] = timing.latency_ms
    runs.append_record(records, {"key": key, "latency_ms": timing.latency_ms, "busy": timing.busy, "cpu": cpu_name()})


def _key(name: str, resolution: int) -> str:
    return f"{name} at {resolution}"


def _network(name: str, resolution: int, latency_ms: float, template: HardwareProfile) -> MeasuredNetwork:
    kernels = fuse(trace_module(_build(name), (3, resolution, resolution)), template.fusion)
    return MeasuredNetwork(_key(name, resolution), kernels, latency_ms)


def _build(name: str) -> nn.Module:
    return CellNetwork(_CELLS[name]) if name in _CELLS else timm.create_model(name, num_classes=100)
