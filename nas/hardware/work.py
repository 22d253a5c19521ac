"""The work of a kernel on a device and the time it takes: the one formula that predictor and fit share.

``time = overhead + max((macs * (1 + half_out_chs / out_chs) + half_macs) / rate, bytes / bandwidth)``, where
weights may have a bandwidth of their own (``activations / bandwidth + weights / weight bandwidth``): the roofline of
Williams et al. 2009 with a launch cost and a rate that saturates with the output channels and with the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.hardware.terms import cold_share, term_kind, terms_ms

if TYPE_CHECKING:
    from nas.cost.kernels import Kernel
    from nas.hardware.profile import HardwareProfile, Limits

Numeric = Any  # a float, or an array of floats with one entry per kernel or network

PER_MS = 1e6  # a rate of 1e9 a second is 1e6 a millisecond


@dataclass(frozen=True, slots=True)
class Work:
    """What a device has to do for one kernel, channels already padded."""

    kind: str
    macs: float
    macs_per_out_ch: float
    activation_bytes: float
    weight_bytes: float


def kernel_work(kernel: Kernel, profile: HardwareProfile) -> Work:
    """Count the padded multiply-adds and the bytes of `kernel` at the profile's precision."""
    in_growth, out_growth, weight_growth = _padding(kernel, profile.limits.channel_multiple)
    activations = kernel.read_elements * in_growth + kernel.write_elements * out_growth
    macs = kernel.macs * weight_growth
    return Work(
        kind=kernel.kind,
        macs=macs,
        macs_per_out_ch=macs / (kernel.out_chs * out_growth) if kernel.out_chs else 0.0,
        activation_bytes=activations * profile.bytes_per_element,
        weight_bytes=float(kernel.weight_elements * profile.bytes_per_element),
    )


def variant(kernel: Kernel) -> str:
    """Return what a correction tells kernels apart by: the kind; of elementwise kernels the first operation."""
    return kernel.ops[0] if kernel.kind == "elementwise" else kernel.kind


def launch_and_work_ms(kernel: Kernel, work: Work, profile: HardwareProfile) -> tuple[float, float]:
    """Return the cost of launching a kernel and the time at work by the profile, without its correction."""
    if profile.terms is not None:
        return terms_ms(kernel, profile.terms, profile.bytes_per_element)[:2]
    rate = profile.rate(work.kind)
    work_ms = kernel_ms(
        work.macs,
        work.macs_per_out_ch,
        work.activation_bytes,
        work.weight_bytes,
        overhead_ms=0.0,
        gmacs_per_s=rate.gmacs_per_s,
        gbytes_per_s=rate.gbytes_per_s,
        weight_gbytes_per_s=profile.limits.weight_gbytes_per_s or rate.gbytes_per_s,
        half_out_chs=rate.half_out_chs,
        half_macs=rate.half_macs,
    )
    return rate.overhead_ms, float(work_ms)


def corrected_ms(kernel: Kernel, work: Work, profile: HardwareProfile) -> float:
    """Return the time of a kernel with the profile's correction."""
    correction, name = profile.correction, variant(kernel)
    launch_ms, work_ms = launch_and_work_ms(kernel, work, profile)
    launch_ms = correction.per_kernel_ms.get(name, correction.scale * launch_ms)
    return launch_ms + correction.work_scale.get(name, correction.scale) * work_ms


def cold_ms(kernel: Kernel, profile: HardwareProfile) -> float:
    """Return what the kernel's weights take on top if none of them is in the cache."""
    if profile.terms is None:
        return 0.0
    factor = profile.correction.work_scale.get(variant(kernel), profile.correction.scale)
    return factor * terms_ms(kernel, profile.terms, profile.bytes_per_element)[2]


def is_covered(kernel: Kernel, profile: HardwareProfile) -> bool:
    """Say whether the profile has numbers for this kind of kernel."""
    return (
        kernel.kind in profile.kernels
        if profile.terms is None
        else term_kind(kernel, profile.terms) in profile.terms.kinds
    )


def kernel_ms(
    macs: Numeric,
    macs_per_out_ch: Numeric,
    activation_bytes: Numeric,
    weight_bytes: Numeric,
    *,
    overhead_ms: Numeric,
    gmacs_per_s: Numeric,
    gbytes_per_s: Numeric,
    weight_gbytes_per_s: Numeric,
    half_out_chs: Numeric,
    half_macs: Numeric,
) -> Numeric:
    """Return the time of a kernel, or of an array of kernels, in milliseconds."""
    slowed_macs = macs + macs_per_out_ch * half_out_chs
    compute_ms = np.where(macs > 0, (slowed_macs + half_macs) / (gmacs_per_s * PER_MS), 0.0)
    moving_ms = activation_bytes / (gbytes_per_s * PER_MS) + weight_bytes / (weight_gbytes_per_s * PER_MS)
    return overhead_ms + np.maximum(compute_ms, moving_ms)


def stream_ms(weight_bytes: Numeric, activation_bytes: Numeric, limits: Limits) -> Numeric:
    """Return the time to stream the weights that do not fit on the chip; zero where there is no limit."""
    if limits.on_chip_bytes is None or limits.stream_gbytes_per_s is None:
        return weight_bytes * 0.0
    room = limits.on_chip_bytes - limits.scratch_share * activation_bytes
    excess = np.clip(weight_bytes - room, 0.0, weight_bytes)
    return excess / (limits.stream_gbytes_per_s * PER_MS)


def memory_ms(cold_ms: Numeric, weight_bytes: Numeric, activation_bytes: Numeric, profile: HardwareProfile) -> Numeric:
    """Return what a whole network takes on top of its kernels for weights that are not at hand."""
    streaming_ms = stream_ms(weight_bytes, activation_bytes, profile.limits)
    if profile.terms is None:
        return streaming_ms
    return streaming_ms + cold_ms * cold_share(weight_bytes, profile.terms.cache_bytes)


def _padding(kernel: Kernel, multiple: int) -> tuple[float, float, float]:
    """Return by how much padding enlarges the input, the output and the weights."""
    if multiple == 1 or not kernel.in_chs or not kernel.out_chs:
        return 1.0, 1.0, 1.0
    in_growth = _padded(kernel.in_chs, multiple) / kernel.in_chs
    out_growth = _padded(kernel.out_chs, multiple) / kernel.out_chs
    if kernel.groups > 1:
        return in_growth, out_growth, out_growth  # channels inside a group are not padded, groups are
    return in_growth, out_growth, in_growth * out_growth


def _padded(channels: int, multiple: int) -> int:
    return -(-channels // multiple) * multiple
