"""Measures networks on one core of this machine through ONNX Runtime, kernel by kernel: the evidence of `host-cpu`.

What was measured is kept in a file of records, so an interrupted run goes on where it stopped; to measure anew, remove
the file. The networks are converted first, into a folder beside it: converting fills the caches that measuring is
about. Then all are measured in three rounds, each in another order, so that a slow minute hits all alike: how far the
rounds lie apart is the noise floor that no predictor can go below.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas import runs
from nas.hardware.measure.convert import to_onnx
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.engine import MeasuringError
from nas.hardware.measure.onnxruntime_nodes import NodeTime, measure_nodes
from tools.check_kernels import randomise_norms
from tools.host_networks import HostNetwork, host_networks

SECONDS = 0.8  # of measuring a network, half of it node by node
ROUNDS = 3
DEFAULT_CACHE = Path("runs") / "host-cpu.measurements.jsonl"

Key = tuple[str, int]
"""A network's name and the round."""


@dataclass(frozen=True)
class HostMeasurement:
    """A network with its latency in each round, and its kernels, each at its quickest."""

    network: HostNetwork
    rounds_ms: tuple[float, ...]
    nodes: tuple[NodeTime, ...]

    @property
    def latency_ms(self) -> float:
        """The median of the rounds: one slow or lucky round does not count."""
        return statistics.median(self.rounds_ms)


def measure_host(cache: Path = DEFAULT_CACHE) -> list[HostMeasurement]:
    """Measure what `cache` does not hold yet and return everything that could be measured."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    cache.parent.mkdir(parents=True, exist_ok=True)
    known, networks = _read(cache), host_networks()
    rounds = [_missing(networks, place, known) for place in range(ROUNDS)]
    graphs = _Graphs(cache.with_suffix(".onnx"))
    for network in networks:
        if any(network in missing for missing in rounds):
            graphs.convert(network)
    for place, missing in enumerate(rounds):
        for network in missing:
            known[network.sample.name, place] = _measure(network, place, graphs, cache)
    found = (_measurement(network, known) for network in networks)
    return [measurement for measurement in found if measurement.rounds_ms]


def _missing(networks: Sequence[HostNetwork], place: int, known: Mapping[Key, object]) -> list[HostNetwork]:
    """Return what a round has still to measure, in that round's order."""
    missing = [network for network in networks if (network.sample.name, place) not in known]
    random.Random(place).shuffle(missing)
    return missing


class _Graphs:
    """ONNX files of networks, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def convert(self, network: HostNetwork) -> None:
        """Write the network's file unless it is there; what cannot be converted is told when it is measured."""
        path, sample = self._path(network), network.sample
        if path.exists():
            return
        print(f"converting {sample.name}", file=sys.stderr, flush=True)
        module = sample.module()
        randomise_norms(module)
        with suppress(MeasuringError):
            runs.write_atomic(path, to_onnx(module, sample.input_shape))

    def read(self, network: HostNetwork) -> bytes:
        """Return the network's file.

        Raises:
            MeasuringError: if it could not be converted.
        """
        path = self._path(network)
        if not path.exists():
            raise MeasuringError("it cannot be converted to ONNX")
        return path.read_bytes()

    def _path(self, network: HostNetwork) -> Path:
        return self.folder / f"{hashlib.sha256(network.sample.name.encode()).hexdigest()[:16]}.onnx"


def _measure(network: HostNetwork, place: int, graphs: _Graphs, cache: Path) -> dict[str, Any]:
    sample, started = network.sample, time.perf_counter()
    record: dict[str, Any] = {"name": sample.name, "round": place, "cpu": cpu_name()}
    try:
        found = measure_nodes(graphs.read(network), sample.input_shape, threads=1, seconds=SECONDS)
        record["latency_ms"] = found.latency_ms
        record["nodes"] = [[*node.signature, round(node.time_ms, 6)] for node in found.nodes]
    except MeasuringError as error:
        record["error"] = str(error)
    _say(record, time.perf_counter() - started)
    runs.append_record(cache, record)
    return record


def _read(cache: Path) -> dict[Key, dict[str, Any]]:
    """Return what is on file for this CPU."""
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    records = [json.loads(line) for line in lines]
    return {(record["name"], record["round"]): record for record in records if record["cpu"] == cpu_name()}


def _say(record: dict[str, Any], seconds: float) -> None:
    shown = record.get("error") or f"{record['latency_ms']:.3f} ms, {len(record['nodes'])} kernels"
    print(f"{record['name']}: {shown} ({seconds:.1f} s)", file=sys.stderr, flush=True)


def _measurement(network: HostNetwork, known: Mapping[Key, dict[str, Any]]) -> HostMeasurement:
    records = [known[network.sample.name, place] for place in range(ROUNDS)]
    records = [record for record in records if "nodes" in record]
    nodes = [tuple(_nodes(record["nodes"])) for record in records]
    return HostMeasurement(network, tuple(record["latency_ms"] for record in records), _quickest(nodes))


def _quickest(rounds: Sequence[tuple[NodeTime, ...]]) -> tuple[NodeTime, ...]:
    """Return each node at its quickest; the nodes of all rounds are the same, for the networks are."""
    return tuple(min(same, key=lambda node: node.time_ms) for same in zip(*rounds, strict=True))


def _nodes(rows: Iterable[Any]) -> Iterator[NodeTime]:
    for name, sizes, joined, time_ms in rows:
        yield NodeTime((name, tuple(sizes), tuple(joined)), time_ms)
