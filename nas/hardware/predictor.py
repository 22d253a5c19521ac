"""Latency of an architecture, or of any module, on a target: the sum of its kernels and a correction.

Takes a `HardwareProfile`; gives a `LatencyEstimate` with an interval from left-out networks and the share of each
kernel. Kernels are memoised per part (a stem, a block, a head with its input shape), so a search pays for a sum.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas import schema
from nas.cost.cost import architecture_parts, trace_part
from nas.cost.kernels import Kernel, fuse, fuse_part
from nas.cost.rules import IMAGE_LAYOUT, Layout
from nas.cost.trace import trace_module
from nas.hardware.profile import Evidence, HardwareProfile
from nas.hardware.work import cold_ms, corrected_ms, is_covered, kernel_work, memory_ms

if TYPE_CHECKING:
    from torch import nn

    from nas.cost.ops import Trace
    from nas.space.architecture import Architecture


# Left-out errors say nothing of networks much smaller or larger than all measured ones. As wide as a profile from a
# data sheet; tried once, from published networks to 32x32 cells on an Edge TPU, the error was a factor of 4.5.
EXTRAPOLATION_FACTOR = 3.0
_STREAM_LABEL = {True: "weights beyond the on-chip memory", False: "weights beyond the cache"}


@dataclass(frozen=True, slots=True)
class KernelLatency:
    """One kernel's part of an estimate; `share` is its part of the whole in 0..1."""

    label: str
    kind: str
    latency_ms: float
    macs: int
    share: float


@dataclass(frozen=True, slots=True)
class LatencyEstimate:
    """A predicted latency and what stands behind it.

    Attributes:
        latency_ms: the prediction.
        interval_ms: the range expected from the errors on left-out networks (see `evidence`); outside the latencies
            that those had it is at least a factor of `EXTRAPOLATION_FACTOR` wide either way.
        kernels: what the time is spent on; the entries add up to `latency_ms`.
        uncovered: kernel kinds the profile has no rate of its own for, with their share; they ran at its default rate.
        unsupported: operators the engine does not run, though they were counted here.
        extrapolated: whether the prediction lies outside the latencies the profile was fitted to.
        evidence: what the profile was fitted to.
        energy_mj: the latency times the data sheet's power: an upper estimate; None where no power is known.
    """

    latency_ms: float
    interval_ms: tuple[float, float]
    kernels: tuple[KernelLatency, ...]
    uncovered: dict[str, float]
    unsupported: tuple[str, ...]
    extrapolated: bool
    evidence: Evidence
    energy_mj: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, ready for JSON."""
        data: dict[str, Any] = schema.to_dict(self)
        return data


@dataclass(frozen=True, slots=True)
class _Part:
    """The kernels of one part with their times, and the sums a search needs."""

    kernels: tuple[Kernel, ...]
    kernel_times_ms: tuple[float, ...]
    total_ms: float
    weight_bytes: float
    activation_bytes: float
    exit_layout: Layout
    cold_ms: float
    uncovered: frozenset[int]


class LatencyPredictor:
    """Predicts latencies on one target, remembering every part it has seen."""

    def __init__(self, profile: HardwareProfile) -> None:
        self.profile = profile
        self._parts: dict[Hashable, _Part] = {}

    def latency_ms(self, architecture: Architecture) -> float:
        """Return the predicted latency alone: the quick path for a search."""
        known = self._parts
        total_ms = weight_bytes = activation_bytes = cold_ms = 0.0
        layout = IMAGE_LAYOUT
        for key in architecture_parts(architecture):
            part = known.get((key, layout)) or self._add(key, layout)
            layout = part.exit_layout
            total_ms += part.total_ms
            weight_bytes += part.weight_bytes
            activation_bytes += part.activation_bytes
            cold_ms += part.cold_ms
        return _whole_ms(total_ms, cold_ms, weight_bytes, activation_bytes, self.profile)

    def estimate(self, architecture: Architecture) -> LatencyEstimate:
        """Predict the latency of `architecture`, kernel by kernel."""
        parts: list[_Part] = []
        for key in architecture_parts(architecture):
            layout = parts[-1].exit_layout if parts else IMAGE_LAYOUT
            parts.append(self._parts.get((key, layout)) or self._add(key, layout))
        return _estimate(parts, self.profile)

    def estimate_module(self, module: nn.Module, input_shape: tuple[int, int, int]) -> LatencyEstimate:
        """Predict the latency of any module on one image of `input_shape` (channels, height, width)."""
        return self.estimate_trace(trace_module(module, input_shape))

    def estimate_trace(self, trace: Trace) -> LatencyEstimate:
        """Predict the latency of a network given as its operations, such as an ONNX file's."""
        return _estimate([_part(fuse(trace, self.profile.fusion), self.profile)], self.profile)

    def _add(self, key: Any, layout: Layout) -> _Part:
        kernels, exit_layout = fuse_part(trace_part(*key), self.profile.fusion, layout)
        part = self._parts[key, layout] = _part(kernels, self.profile, exit_layout)
        return part


def network_latency_ms(kernels: Sequence[Kernel], profile: HardwareProfile) -> float:
    """Return the latency of a whole network given as its kernels."""
    part = _part(kernels, profile)
    return _whole_ms(part.total_ms, part.cold_ms, part.weight_bytes, part.activation_bytes, profile)


def _part(kernels: Sequence[Kernel], profile: HardwareProfile, exit_layout: Layout = IMAGE_LAYOUT) -> _Part:
    works = [kernel_work(kernel, profile) for kernel in kernels]
    times_ms = tuple(corrected_ms(kernel, work, profile) for kernel, work in zip(kernels, works, strict=True))
    return _Part(
        kernels=tuple(kernels),
        kernel_times_ms=times_ms,
        total_ms=sum(times_ms),
        weight_bytes=sum(work.weight_bytes for work in works),
        activation_bytes=sum(work.activation_bytes for work in works),
        exit_layout=exit_layout,
        cold_ms=sum(cold_ms(kernel, profile) for kernel in kernels),
        uncovered=frozenset(i for i, kernel in enumerate(kernels) if not is_covered(kernel, profile)),
    )


def _whole_ms(
    total_ms: float, cold_ms: float, weight_bytes: float, activation_bytes: float, profile: HardwareProfile
) -> float:
    """Add to the sum of kernels what is a matter of the whole network."""
    whole_ms = total_ms + profile.correction.intercept_ms
    if profile.limits.on_chip_bytes is None and profile.terms is None:
        return whole_ms
    return whole_ms + float(memory_ms(cold_ms, weight_bytes, activation_bytes, profile))


def _estimate(parts: Sequence[_Part], profile: HardwareProfile) -> LatencyEstimate:
    kernels = _kernel_latencies(parts, profile)
    latency_ms = sum(kernel.latency_ms for kernel in kernels)
    evidence = profile.evidence
    low_ms, high_ms = evidence.range_ms or (0.0, math.inf)
    extrapolated = not low_ms <= latency_ms <= high_ms
    factor = max(evidence.interval_factor, EXTRAPOLATION_FACTOR) if extrapolated else evidence.interval_factor
    return LatencyEstimate(
        latency_ms=latency_ms,
        interval_ms=(latency_ms / factor, latency_ms * factor),
        kernels=kernels,
        uncovered=_uncovered(kernels, parts),
        unsupported=_unsupported(parts, profile),
        extrapolated=extrapolated,
        evidence=evidence,
        energy_mj=None if profile.power_w is None else profile.power_w * latency_ms,
    )


def _kernel_latencies(parts: Sequence[_Part], profile: HardwareProfile) -> tuple[KernelLatency, ...]:
    intercept_ms = profile.correction.intercept_ms
    rows = [
        (kernel.label, kernel.kind, time_ms, kernel.macs)
        for part in parts
        for kernel, time_ms in zip(part.kernels, part.kernel_times_ms, strict=True)
    ]
    weight_bytes = sum(part.weight_bytes for part in parts)
    activation_bytes = sum(part.activation_bytes for part in parts)
    streaming_ms = float(memory_ms(sum(part.cold_ms for part in parts), weight_bytes, activation_bytes, profile))
    if streaming_ms:
        rows.append((_STREAM_LABEL[profile.terms is None], "stream", streaming_ms, 0))
    if intercept_ms:
        rows.append(("start of the network", "start", intercept_ms, 0))
    whole_ms = sum(row[2] for row in rows) or 1.0
    return tuple(KernelLatency(label, kind, ms, macs, ms / whole_ms) for label, kind, ms, macs in rows)


def _uncovered(kernels: Sequence[KernelLatency], parts: Sequence[_Part]) -> dict[str, float]:
    shares: dict[str, float] = {}
    flags = [position in part.uncovered for part in parts for position in range(len(part.kernels))]
    for kernel, uncovered in zip(kernels, flags, strict=False):  # what is of the whole network comes last
        if uncovered:
            shares[kernel.kind] = shares.get(kernel.kind, 0.0) + kernel.share
    return shares


def _unsupported(parts: Sequence[_Part], profile: HardwareProfile) -> tuple[str, ...]:
    names = {op for part in parts for kernel in part.kernels for op in kernel.ops}
    return tuple(sorted(names & set(profile.limits.unsupported)))
