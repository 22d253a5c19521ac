"""The work of a kernel on a device and the time it takes: the one formula that predictor and fit share.

``time = overhead + max((macs + half_macs) / rate, bytes / bandwidth)``, the roofline of Williams et al. 2009 with
a launch cost. ``half_macs`` makes the effective rate saturate: ``rate * macs / (macs + half_macs)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from nas.cost.kernels import Kernel
    from nas.hardware.profile import HardwareProfile

Numeric = TypeVar("Numeric", float, "np.ndarray")

MACS_PER_MS_PER_GMAC = 1e6  # 1 GMAC/s is 1e6 multiply-adds a millisecond; the same for bytes


@dataclass(frozen=True, slots=True)
class Work:
    """What a device has to do for one kernel, channels already padded."""

    kind: str
    macs: float
    moved_bytes: float
    weight_bytes: float


def kernel_work(kernel: Kernel, profile: HardwareProfile) -> Work:
    """Count the padded multiply-adds and the bytes of `kernel` at the profile's precision."""
    in_growth, out_growth, weight_growth = _padding(kernel, profile.limits.channel_multiple)
    weight_elements = kernel.weight_elements * weight_growth
    elements = kernel.read_elements * in_growth + kernel.write_elements * out_growth + weight_elements
    size = profile.bytes_per_element
    return Work(
        kind=kernel.kind,
        macs=kernel.macs * weight_growth,
        moved_bytes=elements * size,
        weight_bytes=kernel.weight_elements * size,
    )


def kernel_ms(
    macs: Numeric,
    moved_bytes: Numeric,
    *,
    overhead_ms: Numeric,
    gmacs_per_s: Numeric,
    gbytes_per_s: Numeric,
    half_macs: Numeric,
) -> Numeric:
    """Return the time of a kernel, or of an array of kernels, in milliseconds."""
    compute_ms = np.where(macs > 0, (macs + half_macs) / (gmacs_per_s * MACS_PER_MS_PER_GMAC), 0.0)
    transfer_ms = moved_bytes / (gbytes_per_s * MACS_PER_MS_PER_GMAC)
    return overhead_ms + np.maximum(compute_ms, transfer_ms)


def stream_ms(weight_bytes: float, profile: HardwareProfile) -> float:
    """Return the time to stream the weights that do not fit on the chip; zero where there is no such limit."""
    limits = profile.limits
    if limits.on_chip_bytes is None or limits.stream_gbytes_per_s is None:
        return 0.0
    excess = max(0.0, weight_bytes - limits.on_chip_bytes)
    return excess / (limits.stream_gbytes_per_s * MACS_PER_MS_PER_GMAC)


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
