"""What a fit to one family of networks says of the others: kernels beside a line in MACs.

Run: ``python -m benchmarks.families`` with NAS_BENCH_DATA naming the folder of published latencies.

Some targets rest on one family (`jetson-orin`, `pixel4-cpu`), where a line in MACs does as well as kernels on networks
left out. That says nothing of other families. Here devices that several families ran on stand in: the target's data
sheet is fitted to one family alone, without siblings, and judged on all networks of the others; so is the line.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from nas import torch_compat
from nas.hardware.fit import MeasuredNetwork, Spread, fit_profile
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import HardwareProfile
from nas.hardware.validate import errors, macs_fitter
from tools import evidence, networks
from tools.targets import FP16_GPUS, GPU_NETWORKS, MIXED, PLAIN, load_template, on_data_sheet

LEAST = 3  # networks of a family to fit to


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("NAS_BENCH_DATA"), help="folder of measured data")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data (or NAS_BENCH_DATA) must name the folder of measured data")
    torch_compat.prepare()
    print("| device | fitted to | judged on | kernels: median, within 10 % | a line in MACs |\n|---|---|---|---|---|")
    for label, template, spread, found in _devices(Path(arguments.data)):
        for line in lines(label, template, spread, found):
            print(line, flush=True)


def lines(label: str, template: HardwareProfile, spread: Spread, found: Sequence[MeasuredNetwork]) -> Iterator[str]:
    """Yield a line for each family that is large enough to fit to."""
    families: dict[str, list[MeasuredNetwork]] = defaultdict(list)
    for network in found:
        families[family(network.name)].append(network)
    for name, inside in sorted(families.items()):
        outside = [network for network in found if family(network.name) != name]
        if len(inside) < LEAST or not outside:
            continue
        profile, line = fit_profile(template, inside, spread), macs_fitter(inside)
        measured = [network.latency_ms for network in outside]
        ours = errors([network_latency_ms(network.kernels, profile) for network in outside], measured)
        theirs = errors([line(network) for network in outside], measured)
        cells = [f"{e.median:.0%}, {e.share_within_10:.0%}" for e in (ours, theirs)]
        yield f"| {label} | {len(inside)} {name} | {len(outside)} others | {cells[0]} | {cells[1]} |"


def family(name: str) -> str:
    """Return a network's name without version of size, width and image."""
    if name.endswith("-R50"):
        return "detectors and segmenters on ResNet-50"
    return re.split(r"(?i)[ _]x?\d|[ _](?:small|large|cityscapes|deepscene|mhp|voc|sun)|-50| lite", name)[0]


def _devices(data: Path) -> Iterator[tuple[str, HardwareProfile, Spread, tuple[MeasuredNetwork, ...]]]:
    snapdragon, pixel = load_template("snapdragon-855-cpu"), load_template("pixel4-cpu")
    paddle = partial(evidence.published, data, networks.PADDLE, snapdragon.fusion, dtype="fp32", engine="Paddle-Lite")
    yield "Snapdragon 855", snapdragon, PLAIN, paddle(device="Snapdragon 855 CPU", threads="1")
    tflite = partial(evidence.published, data, networks.TFLITE, pixel.fusion, engine="TFLite", threads="4")
    yield "Pixel 3", pixel, PLAIN, tflite(device="Pixel 3 CPU (Android 10)", dtype="fp32")
    nano = load_template("jetson-nano")
    for name, template in (("Jetson Nano fp16", nano), ("T4 fp16", _t4(nano))):
        rows = FP16_GPUS["jetson-nano" if template is nano else "T4"].rows
        found = [
            network
            for row in rows
            for network in evidence.published(
                data, GPU_NETWORKS, template.fusion, device=row, dtype="fp16", engine="TensorRT"
            )
        ]
        yield name, template, MIXED, tuple(found)


def _t4(like: HardwareProfile) -> HardwareProfile:
    gpu = FP16_GPUS["T4"]
    assert gpu.peaks is not None
    return on_data_sheet(like, gpu.peaks, gpu.overhead_ms)


if __name__ == "__main__":
    main()
