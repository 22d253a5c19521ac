"""Repeated timing of a call, with the statistics that survive a busy machine.

The median is steady while a core is free; when other processes share it the median breaks and the tenth percentile
survives, of the CPU time rather than of the wall time: a run longer than the scheduler's slices is always interrupted.
The ratio of wall to CPU time tells the two apart, so both are recorded.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BUSY_RATIO = 1.1  # wall time over CPU time above this: something else had our core


@dataclass(frozen=True, slots=True)
class Timing:
    """Statistics of repeated runs of one call.

    Attributes:
        median_ms: of the wall time.
        p10_ms: its tenth percentile.
        cpu_median_ms: of the CPU time; the wall time where there is none, as on a GPU.
        runs: how many were counted.
        layers: time in each layer where the engine tells, by its own names; profiling slows small layers down.
        cpu_p10_ms: tenth percentile of the CPU time, where there is one.
    """

    median_ms: float
    p10_ms: float
    cpu_median_ms: float
    runs: int
    layers: tuple[tuple[str, float], ...] = ()
    cpu_p10_ms: float | None = None

    @property
    def busy(self) -> bool:
        """Whether the machine was too busy for the median to be trusted."""
        return self.median_ms > BUSY_RATIO * self.cpu_median_ms

    @property
    def latency_ms(self) -> float:
        """The figure to keep: the median, or the tenth percentile of a busy machine (of its CPU time)."""
        if not self.busy:
            return self.median_ms
        return self.p10_ms if self.cpu_p10_ms is None else min(self.p10_ms, self.cpu_p10_ms)


def timing_of(
    wall_ms: Sequence[float], cpu_ms: Sequence[float] = (), layers: tuple[tuple[str, float], ...] = ()
) -> Timing:
    """Summarise runs; without CPU times the median is taken to be trusted."""
    median_ms = statistics.median(wall_ms)
    return Timing(
        median_ms=median_ms,
        p10_ms=sorted(wall_ms)[len(wall_ms) // 10],
        cpu_median_ms=statistics.median(cpu_ms) if cpu_ms else median_ms,
        runs=len(wall_ms),
        layers=layers,
        cpu_p10_ms=sorted(cpu_ms)[len(cpu_ms) // 10] if cpu_ms else None,
    )


def time_call(
    call: Callable[[], object],
    *,
    seconds: float = 1.0,
    warmup: int = 5,
    min_runs: int = 20,
    max_runs: int = 1000,
    threads: int = 1,
) -> Timing:
    """Time `call` repeatedly for about `seconds`.

    Args:
        call: what to time; with one thread it must run in this one for the CPU time to mean anything.
        seconds: how long to go on, warm-up apart.
        warmup: runs that are not counted.
        min_runs: runs to make even if `seconds` is over.
        max_runs: runs after which to stop early.
        threads: how many the call keeps busy; the CPU time is counted per thread.
    """
    cpu_clock = time.thread_time if threads == 1 else time.process_time
    for _ in range(warmup):
        call()
    wall_ms: list[float] = []
    cpu_ms: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(wall_ms) < min_runs or (time.perf_counter() < deadline and len(wall_ms) < max_runs):
        wall_start, cpu_start = time.perf_counter(), cpu_clock()
        call()
        wall_ms.append((time.perf_counter() - wall_start) * 1e3)
        cpu_ms.append((cpu_clock() - cpu_start) * 1e3 / threads)
    return timing_of(wall_ms, cpu_ms)
