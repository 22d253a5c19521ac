"""How well latencies of unseen networks are predicted from few measured ones: NAS-Bench-201 cells on six devices.

Run: ``python -m benchmarks.latency`` with NAS_BENCH_DATA naming the folder of `nb201_latency.csv.gz`.

A profile with data-sheet numbers is corrected by N random networks (`nas.hardware.correction`; its priors are chosen on
those N alone) and judged on all others, mean and standard deviation over the seeds. N = 0 is the data sheet alone.
"MACs only" is the line ``a + b * MACs`` through the same N. "Floor": how far two networks with the very same kernels
lie apart; no predictor that sees kernels can do better.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from nas.cost.kernels import fuse
from nas.cost.ops import Trace
from nas.cost.rules import FusionRules
from nas.hardware.correction import Design, design, fit
from nas.hardware.fit import MeasuredNetwork
from nas.hardware.profile import Evidence, HardwareProfile, KernelRate, Peaks, Precision
from nas.hardware.validate import errors, macs_fitter
from tools.cells201 import live_edges, trace_cells

OPERATORS = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 4}
SIZES = (10, 20, 100, 400)

PRUNED = FusionRules(absorb={"conv2d": ("batch_norm", "relu"), "add": ("relu",)})
# torch2trt as its latencies show it (docs/latency.md): a zero is not added, x + 0 is a kernel, and a convolution takes
# up the addition of what was computed before it, but none after it.
TORCH2TRT = FusionRules(
    absorb={"conv2d": ("batch_norm", "add", "relu"), "add": ("relu",), "bias": ("relu",)},
    after={"add": ("batch_norm",)},
    drop=("zeros", "unread"),
)
TFLITE = FusionRules(absorb=PRUNED.absorb, drop=("zeros", "unread", "identities"))


@dataclass(frozen=True)
class Device:
    """A column of the table: peaks from the data sheet, a guessed launch, and what its engine does with dead edges."""

    label: str
    column: str
    gmacs_per_s: float
    gbytes_per_s: float
    launch_ms: float
    precision: Precision
    rules: FusionRules = PRUNED
    zeros: bool = False  # whether networks are run as published, with products by zero

    @property
    def profile(self) -> HardwareProfile:
        """The data sheet as a profile."""
        return HardwareProfile(
            name=self.column,
            description=self.label,
            device=self.label,
            engine="",
            precision=self.precision,
            batch=1,
            peaks=Peaks(self.gmacs_per_s, self.gbytes_per_s),
            default=KernelRate(self.launch_ms, self.gmacs_per_s, self.gbytes_per_s, "datasheet"),
            fusion=self.rules,
            evidence=Evidence("datasheet", (self.label,), "", 0, "none", 3.0),
        )


DEVICES = (
    Device("Jetson TX2", "hwnb_jetson_tx2", 333.0, 59.7, 0.02, "fp32", TORCH2TRT, zeros=True),
    Device("Edge TPU", "hwnb_edgetpu", 2000.0, 30.0, 0.005, "int8"),
    Device("Jetson Nano fp32", "eagle_jetson_nano_fp32", 118.0, 25.6, 0.03, "fp32"),
    Device("Pixel 4 A76", "nnmeter_pixel4_a76cpu", 22.7, 34.1, 0.01, "fp32"),
    Device("SD855 CPU int8", "eagle_sd855_cpu_int8", 90.8, 34.1, 0.01, "int8"),
    Device("Raspberry Pi 4", "hwnb_raspi4", 24.0, 12.8, 0.01, "fp32", TFLITE, zeros=True),
)

Figures = tuple[float, float, float]  # Spearman, mean error, share within 10 %


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("NAS_BENCH_DATA"), help="folder of measured data")
    parser.add_argument("--seeds", type=int, default=5, help="draws of the networks that are measured")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many networks are measured")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data (or NAS_BENCH_DATA) must name the folder of measured data")
    traces = Traces()
    print("| device | N | Spearman | mean error % | within 10 % | MACs only |\n|---|---|---|---|---|---|")
    for device in DEVICES:
        networks = read_networks(arguments.data, device, traces)
        for line in lines(device, networks, arguments.sizes, arguments.seeds):
            print(line, flush=True)


class Traces:
    """Traces by what is left of a cell, so that equal networks are traced once."""

    def __init__(self) -> None:
        self._known: dict[object, Trace] = {}

    def of(self, arch: str, *, zeros: bool) -> Trace:
        """Return the trace of a cell network."""
        nodes = [part for node in arch.strip("|").split("|+|") for part in node.split("|")]
        ops = tuple(OPERATORS[part.split("~")[0]] for part in nodes)
        key = (zeros, ops if zeros else tuple(live_edges(ops)))
        if key not in self._known:
            self._known[key] = trace_cells(ops, zeros=zeros)
        return self._known[key]


def read_networks(data: Path, device: Device, traces: Traces) -> list[MeasuredNetwork]:
    """Return the networks that were measured on a device, as the kernels its engine runs."""
    with gzip.open(data / "nb201_latency.csv.gz", "rt", newline="") as stream:
        rows = [(row["arch_str"], float(row[device.column])) for row in csv.DictReader(stream) if row[device.column]]
    return [
        MeasuredNetwork(arch, fuse(traces.of(arch, zeros=device.zeros), device.rules), latency_ms)
        for arch, latency_ms in rows
    ]


def lines(device: Device, networks: Sequence[MeasuredNetwork], sizes: Sequence[int], seeds: int) -> Iterator[str]:
    """Yield the lines of one device."""
    rows = design(device.profile, networks)
    alone = figures(rows.launch_ms.sum(1) + rows.work_ms.sum(1), rows.measured_ms)
    error, within, pairs = floor(networks)
    yield f"| {device.label} | floor ({pairs} pairs) | | {error * 100:.1f} | {within * 100:.0f} | |"
    yield f"| | 0 | {alone[0]:.3f} | {alone[1] * 100:.0f} | {alone[2] * 100:.0f} | |"
    for size in sizes:
        drawn = [np.random.default_rng(seed).permutation(len(networks)) for seed in range(seeds)]
        ours = [judged(rows, order[:size], order[size:]) for order in drawn]
        line = [judged_line(networks, order[:size], order[size:]) for order in drawn]
        yield f"| | {size} | {_cells(ours)} | {_line_cell(line)} |"


def judged(rows: Design, train: Sequence[int], test: Sequence[int]) -> Figures:
    """Fit a correction to some networks and judge it on others."""
    held_out = rows.rows(np.asarray(test))
    return figures(fit(rows.rows(np.asarray(train))).predict(held_out), held_out.measured_ms)


def judged_line(networks: Sequence[MeasuredNetwork], train: Sequence[int], test: Sequence[int]) -> Figures:
    """Fit a line in MACs to some networks and judge it on others."""
    line: Callable[[MeasuredNetwork], float] = macs_fitter([networks[i] for i in train])
    return figures([line(networks[i]) for i in test], [networks[i].latency_ms for i in test])


def figures(predicted_ms: Sequence[float], measured_ms: Sequence[float]) -> Figures:
    """Return rank correlation, mean error and share within 10 %."""
    found = errors(predicted_ms, measured_ms)
    return found.spearman, found.mape, found.share_within_10


def floor(networks: Sequence[MeasuredNetwork]) -> tuple[float, float, int]:
    """Return the mean distance of one latency to the mean of its kernels, the share within 10 %, and of how many pairs.

    Two latencies lie apart by the root of two times what each lies from their mean, were it known.
    """
    equal: dict[object, list[float]] = defaultdict(list)
    for network in networks:
        equal[frozenset(Counter(network.kernels).items())].append(network.latency_ms)
    apart = [
        abs(math.log(first / second)) / math.sqrt(2)
        for latencies in equal.values()
        for first, second in combinations(latencies, 2)
    ]
    return float(np.mean(apart)), float(np.mean(np.array(apart) <= 0.1)), len(apart)


def _cells(found: Sequence[Figures]) -> str:
    (rank, error, within), (rank_sd, error_sd, within_sd) = np.mean(found, axis=0), np.std(found, axis=0)
    return (
        f"{rank:.3f} ({rank_sd:.3f}) | {error * 100:.1f} ({error_sd * 100:.1f}) "
        f"| {within * 100:.1f} ({within_sd * 100:.1f})"
    )


def _line_cell(found: Sequence[Figures]) -> str:
    rank, error, within = np.mean(found, axis=0)
    return f"{rank:.2f} / {error:.0%} / {within:.0%}"


if __name__ == "__main__":
    main()
