"""Published and measured latencies as kernel lists: the evidence each profile is fitted to.

Reads the data folder that ``--data`` or NAS_BENCH_DATA names. A network measured twice counts once, with the
geometric mean of its latencies, so that leaving it out leaves it out entirely.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
import tarfile
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch

from nas.cost.kernels import FusionRules, fuse
from nas.cost.ops import Trace
from nas.cost.trace import trace_module
from nas.hardware.fit import MeasuredNetwork
from tools.cells201 import CellNetwork
from tools.ncnn_graphs import read_graph
from tools.networks import Published

# Side of the square image, where it is not 224.
NCNN_SIZES = {
    "squeezenet": 227, "alexnet": 227, "squeezenet_ssd": 300, "mobilenet_ssd": 300, "mobilenet_yolo": 416,
    "yolov4-tiny": 416, "mobilenetv2_yolov3": 352, "yolo-fastestv2": 352, "FastestDet": 352, "nanodet_m": 320,
    "yolo-fastest-1.1": 320, "vision_transformer": 384, "blazeface": 128,
}  # fmt: skip


def published(
    data: Path,
    networks: Iterable[Published],
    fusion: FusionRules,
    *,
    device: str,
    dtype: str,
    engine: str,
    threads: str = "",
) -> tuple[MeasuredNetwork, ...]:
    """Return the networks the published table has for a device, an engine and a precision."""
    latencies: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in published_rows(data):
        same = row["device"] == device and row["dtype"] == dtype and row["engine"].startswith(engine)
        if same and row["threads"] == threads and "IMPLAUSIBLE" not in row["note"]:
            for stated in ("", row["resolution"]):
                latencies[row["model"], stated].append(float(row["latency_ms"]))
    measured = []
    for network in networks:
        found = [ms for name in network.rows for ms in latencies.get((name, network.stated), ())]
        if found:
            measured.append(MeasuredNetwork(network.name, fuse(traced(network), fusion), geometric_mean(found)))
    return tuple(measured)


def ncnn(data: Path, fusion: FusionRules, run: int, *, int8: bool = False) -> tuple[MeasuredNetwork, ...]:
    """Return the networks of one run of ncnn's benchmark: one device at one number of threads.

    The fastest of a run's repetitions is taken: the slower ones are those that something else disturbed.
    """
    with gzip.open(data / "ncnn_benchmark.csv.gz", "rt", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["run"] == str(run)]
    graphs = ncnn_graphs(data)
    return tuple(
        MeasuredNetwork(row["model"], fuse(graphs[row["model"]], fusion), float(row["min_ms"]))
        for row in rows
        if row["model"] in graphs and row["model"].endswith("_int8") == int8
    )


def cells(
    data: Path, column: str, fusion: FusionRules, count: int, *, zeros: bool = False, seed: int = 0
) -> list[MeasuredNetwork]:
    """Return `count` random cell networks of NAS-Bench-201 with a latency in `column`."""
    with gzip.open(data / "nb201_latency.csv.gz", "rt", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row[column]]
    drawn = random.Random(seed).sample(rows, min(count, len(rows)))
    return [_cell(row["arch_str"], float(row[column]), fusion, zeros=zeros) for row in drawn]


@cache
def published_rows(data: Path) -> list[dict[str, str]]:
    """Return the published table."""
    with (data / "published_model_latency.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@cache
def traced(network: Published) -> Trace:
    """Trace a network of a published table."""
    with torch.device("meta"):
        return trace_module(network.build(), network.image)


@cache
def ncnn_graphs(data: Path) -> dict[str, Trace]:
    """Return the layer graphs of ncnn's benchmark by name."""
    graphs = {}
    with tarfile.open(data / "ncnn_models_param.tar.gz") as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            if stream is not None and member.name.endswith(".param"):
                name = Path(member.name).stem
                size = NCNN_SIZES.get(name.removesuffix("_int8"), 224)
                graphs[name] = read_graph(stream.read().decode(), (3, size, size))
    return graphs


def _cell(arch: str, latency_ms: float, fusion: FusionRules, *, zeros: bool) -> MeasuredNetwork:
    with torch.device("meta"):
        network = CellNetwork(_operators(arch), zeros=zeros)
    return MeasuredNetwork(arch, fuse(trace_module(network, (3, 32, 32)), fusion), latency_ms)


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of positive values."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


_OPERATORS = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 4}


def _operators(arch: str) -> tuple[int, ...]:
    nodes = [part for node in arch.strip("|").split("|+|") for part in node.split("|")]
    return tuple(_OPERATORS[part.split("~")[0]] for part in nodes)
