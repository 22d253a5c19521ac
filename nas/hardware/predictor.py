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
from nas.cost.kernels import Kernel, fuse
from nas.cost.trace import Trace, trace_module
from nas.hardware.profile import Evidence, HardwareProfile
from nas.hardware.work import kernel_ms, kernel_work, stream_ms

if TYPE_CHECKING:
    from torch import nn

    from nas.space.architecture import Architecture


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
        interval_ms: the range expected from the errors on left-out networks (see `evidence`).
        kernels: what the time is spent on; the entries add up to `latency_ms`.
        uncovered: kernel kinds the profile has no rate of its own for, with their share; they ran at its default rate.
        unsupported: operators the engine does not run, though they were counted here.
        extrapolated: whether the prediction lies outside the latencies the profile was fitted to.
        evidence: what the profile was fitted to.
    """

    latency_ms: float
    interval_ms: tuple[float, float]
    kernels: tuple[KernelLatency, ...]
    uncovered: dict[str, float]
    unsupported: tuple[str, ...]
    extrapolated: bool
    evidence: Evidence

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, ready for JSON."""
        data: dict[str, Any] = schema.to_dict(self)
        return data


@dataclass(frozen=True, slots=True)
class _Part:
    """The kernels of one part with their times before the correction, and the sums a search needs."""

    kernels: tuple[Kernel, ...]
    kernel_times_ms: tuple[float, ...]
    total_ms: float
    weight_bytes: float


class LatencyPredictor:
    """Predicts latencies on one target, remembering every part it has seen."""

    def __init__(self, profile: HardwareProfile) -> None:
        self.profile = profile
        self._parts: dict[Hashable, _Part] = {}

    def latency_ms(self, architecture: Architecture) -> float:
        """Return the predicted latency alone: the quick path for a search."""
        total_ms = weight_bytes = 0.0
        for key in architecture_parts(architecture):
            part = self._parts.get(key) or self._add_part(key)
            total_ms += part.total_ms
            weight_bytes += part.weight_bytes
        return corrected_ms(total_ms, weight_bytes, self.profile)

    def estimate(self, architecture: Architecture) -> LatencyEstimate:
        """Predict the latency of `architecture`, kernel by kernel."""
        keys = architecture_parts(architecture)
        return self._estimate([self._parts.get(key) or self._add_part(key) for key in keys])

    def estimate_module(self, module: nn.Module, input_shape: tuple[int, int, int]) -> LatencyEstimate:
        """Predict the latency of any module on one image of `input_shape` (channels, height, width)."""
        return self._estimate([self._time(trace_module(module, input_shape))])

    def _add_part(self, key: Any) -> _Part:
        part = self._time(trace_part(*key))
        self._parts[key] = part
        return part

    def _time(self, trace: Trace) -> _Part:
        kernels = fuse(trace, self.profile.fusion)
        times_ms = tuple(kernel_latency_ms(kernel, self.profile) for kernel in kernels)
        weight_bytes = sum(kernel.weight_elements for kernel in kernels) * self.profile.bytes_per_element
        return _Part(kernels, times_ms, sum(times_ms), float(weight_bytes))

    def _estimate(self, parts: Sequence[_Part]) -> LatencyEstimate:
        weight_bytes = sum(part.weight_bytes for part in parts)
        latency_ms = corrected_ms(sum(part.total_ms for part in parts), weight_bytes, self.profile)
        rows = [
            (kernel.label, kernel.kind, time_ms * self.profile.correction.scale, kernel.macs)
            for part in parts
            for kernel, time_ms in zip(part.kernels, part.kernel_times_ms, strict=True)
        ]
        rows.append(("weights beyond the on-chip memory", "stream", stream_ms(weight_bytes, self.profile), 0))
        rows.append(("start of the network", "start", self.profile.correction.intercept_ms, 0))
        kernels = tuple(
            KernelLatency(label, kind, time_ms, macs, time_ms / latency_ms if latency_ms else 0.0)
            for label, kind, time_ms, macs in rows
            if time_ms > 0 or kind not in ("stream", "start")
        )
        evidence = self.profile.evidence
        low_ms, high_ms = evidence.range_ms or (0.0, math.inf)
        return LatencyEstimate(
            latency_ms=latency_ms,
            interval_ms=(latency_ms / evidence.interval_factor, latency_ms * evidence.interval_factor),
            kernels=kernels,
            uncovered=self._uncovered(kernels),
            unsupported=self._unsupported(parts),
            extrapolated=not low_ms <= latency_ms <= high_ms,
            evidence=evidence,
        )

    def _uncovered(self, kernels: Sequence[KernelLatency]) -> dict[str, float]:
        shares: dict[str, float] = {}
        for kernel in kernels:
            if kernel.kind not in self.profile.kernels and kernel.kind not in ("stream", "start"):
                shares[kernel.kind] = shares.get(kernel.kind, 0.0) + kernel.share
        return shares

    def _unsupported(self, parts: Sequence[_Part]) -> tuple[str, ...]:
        names = {op for part in parts for kernel in part.kernels for op in kernel.ops}
        return tuple(sorted(names & set(self.profile.limits.unsupported)))


def kernel_latency_ms(kernel: Kernel, profile: HardwareProfile) -> float:
    """Return the time of one kernel on its own, before the whole-network correction."""
    work = kernel_work(kernel, profile)
    rate = profile.rate(work.kind)
    return float(
        kernel_ms(
            work.macs,
            work.moved_bytes,
            overhead_ms=rate.overhead_ms,
            gmacs_per_s=rate.gmacs_per_s,
            gbytes_per_s=rate.gbytes_per_s,
            half_macs=rate.half_macs,
        )
    )


def network_latency_ms(kernels: Sequence[Kernel], profile: HardwareProfile) -> float:
    """Return the latency of a whole network given as its kernels."""
    total_ms = sum(kernel_latency_ms(kernel, profile) for kernel in kernels)
    weight_bytes = sum(kernel.weight_elements for kernel in kernels) * profile.bytes_per_element
    return corrected_ms(total_ms, float(weight_bytes), profile)


def corrected_ms(total_ms: float, weight_bytes: float, profile: HardwareProfile) -> float:
    """Add to the sum of kernels what is a matter of the whole network."""
    correction = profile.correction
    return correction.scale * total_ms + stream_ms(weight_bytes, profile) + correction.intercept_ms
