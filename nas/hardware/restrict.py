"""What a target cannot run or hold, read from a trace and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.cost.ops import Trace
    from nas.hardware.profile import HardwareProfile


def unsupported_ops(profile: HardwareProfile, trace: Trace) -> set[str]:
    """Return the names of the operators in `trace` that the target's engine does not run."""
    return {op.name for op in trace.ops} & set(profile.limits.unsupported)


def max_params(profile: HardwareProfile) -> int | None:
    """Return how many weights stay on the chip; None where the target has no such limit."""
    limit = profile.limits.on_chip_bytes
    return None if limit is None else int(limit // profile.bytes_per_element)
