"""Fits `host-cpu` to kernels timed in whole networks, and judges it on families it has not seen."""

from __future__ import annotations

import dataclasses
import datetime
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nas.cost.kernels import fuse
from nas.hardware.fit import MeasuredNetwork
from nas.hardware.fit_terms import TermsProblem, TimedNetwork, empty_terms, with_terms
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.onnxruntime_nodes import timed_network
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import Errors, Evidence, EvidenceGroup, HardwareProfile
from nas.hardware.validate import errors, interval_factor, macs_fitter
from tools.host import HostMeasurement, measure_host
from tools.latency_chart import Row

FOLDS = 10
COVERAGE = 0.8
SIZES_MS = ((0.0, 1.0), (1.0, 4.0), (4.0, 10.0), (10.0, 1e9))


def fit_host(template: HardwareProfile, cache: Path) -> tuple[HardwareProfile, tuple[Row, ...]]:
    """Measure what `cache` lacks; return the fitted profile, and for each network what a fit without it said."""
    measured = measure_host(cache)
    timed = [_timed(measurement, template) for measurement in measured]
    problem = TermsProblem(timed, template.bytes_per_element, empty_terms(template.fusion))
    whole = [MeasuredNetwork(n.name, n.kernels, n.latency_ms) for n in timed]
    families = np.array([m.network.family for m in measured])
    judges = np.array([m.network.judges for m in measured])
    predicted, line = np.zeros(len(whole)), np.zeros(len(whole))
    for left_out in _folds(families):
        predicted[left_out], line[left_out] = _predict(problem, template, whole, np.flatnonzero(~left_out), left_out)
    latencies = [network.latency_ms for network in whole]
    evidence = Evidence(
        kind="measured",
        sources=(f"measured with ONNX Runtime on {cpu_name()}",),
        date=datetime.date.today().isoformat(),
        networks=len(whole),
        method=f"{FOLDS}-fold cross-validation over {len(set(families))} families",
        interval_factor=interval_factor(list(predicted), latencies, COVERAGE),
        interval_coverage=COVERAGE,
        errors=errors(list(predicted), latencies),
        macs_only=errors(list(line), latencies),
        range_ms=(min(latencies), max(latencies)),
        others=_held_out(problem, template, whole, measured, judges),
        note=_note(measured),
    )
    profile = dataclasses.replace(with_terms(template, problem.fit()), evidence=evidence)
    rows = zip((n.name for n in whole), latencies, predicted.tolist(), line.tolist(), strict=True)
    return profile, tuple(rows)


def _timed(measurement: HostMeasurement, template: HardwareProfile) -> TimedNetwork:
    sample = measurement.network.sample
    kernels = fuse(sample.trace(), template.fusion)
    return timed_network(sample.name, kernels, measurement.latency_ms, measurement.nodes)


def _folds(families: np.ndarray) -> list[np.ndarray]:
    """Return for each fold which networks it leaves out: whole families, of about as many networks each."""
    names, counts = np.unique(families, return_counts=True)
    folds: list[list[str]] = [[] for _ in range(FOLDS)]
    sizes = [0] * FOLDS
    for position in np.argsort(-counts, kind="stable"):
        smallest = sizes.index(min(sizes))
        folds[smallest].append(names[position])
        sizes[smallest] += int(counts[position])
    return [np.isin(families, fold) for fold in folds]


def _predict(
    problem: TermsProblem,
    template: HardwareProfile,
    whole: Sequence[MeasuredNetwork],
    inside: np.ndarray,
    out: np.ndarray,
) -> tuple[list[float], list[float]]:
    """Predict the networks `out` by kernels and by a line in MACs, both fitted to those `inside`."""
    profile = with_terms(template, problem.fit([int(i) for i in inside]))
    line = macs_fitter([whole[i] for i in inside])
    left = [network for network, chosen in zip(whole, out, strict=True) if chosen]
    return [network_latency_ms(network.kernels, profile) for network in left], [line(network) for network in left]


def _held_out(
    problem: TermsProblem,
    template: HardwareProfile,
    whole: Sequence[MeasuredNetwork],
    measured: Sequence[HostMeasurement],
    judges: np.ndarray,
) -> tuple[EvidenceGroup, ...]:
    """Judge families, and samples of the spaces, that had no part in the fit nor in any choice about its form."""
    found, line = _predict(problem, template, whole, np.flatnonzero(~judges), judges)
    left = [m for m, chosen in zip(measured, judges, strict=True) if chosen]
    method = f"held out; {int((~judges).sum())} networks of other families and samples in the fit"

    def group(name: str, belongs: Callable[[HostMeasurement], bool]) -> EvidenceGroup | None:
        chosen = [i for i, m in enumerate(left) if belongs(m)]
        if len(chosen) < 2:
            return None
        return EvidenceGroup(
            name, len(chosen), _errors(found, left, chosen), _errors(line, left, chosen), method, (cpu_name(),)
        )

    groups = [
        group("held out", lambda _: True),
        group("held out, timm", lambda m: m.network.sample.family == "timm"),
        group("held out, samples of the spaces", lambda m: m.network.sample.family != "timm"),
        *(
            group(f"held out, {low:g} to {high:g} ms" if high < 1e9 else f"held out, above {low:g} ms",
                  lambda m, low=low, high=high: low <= m.latency_ms < high)  # type: ignore[misc]
            for low, high in SIZES_MS
        ),
    ]  # fmt: skip
    return tuple(g for g in groups if g is not None)


def _errors(predicted: Sequence[float], measured: Sequence[HostMeasurement], chosen: Sequence[int]) -> Errors:
    return errors([predicted[i] for i in chosen], [measured[i].latency_ms for i in chosen])


def _note(measured: Sequence[HostMeasurement]) -> str:
    apart = [max(m.rounds_ms) / min(m.rounds_ms) - 1 for m in measured if len(m.rounds_ms) > 1]
    within = sum(a <= 0.1 for a in apart) / len(apart)
    kernels = sum(len(m.nodes) for m in measured)
    rounds = max(len(m.rounds_ms) for m in measured)
    return (
        f"{kernels} kernels timed in these networks. Noise floor: between the quickest and the slowest of "
        f"{rounds} rounds latencies differed by "
        f"{statistics.median(apart):.1%} in the median, and {within:.0%} by at most 10 %; the median counts. "
        "Latencies are tenth percentiles of CPU time."
    )
