"""What a search space holds: its size, and what its architectures cost on a target."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Any

from nas.hardware.space import restrict
from nas.search.target import load_target
from nas.space.space import load_space

SAMPLES = 1000


def survey_space(name: str, target_name: str | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Sample a space and sum up its costs; latencies only where a target is given.

    Raises:
        UserError: if space or target do not exist, or the target can run nothing of the space.
    """
    space, removed, rng = load_space(name), (), random.Random(seed)
    target = load_target(target_name or "host-cpu")
    if target_name is not None:
        restriction = restrict(space, target.profile)
        space, removed = restriction.space, restriction.removed  # type: ignore[assignment]
    metrics = [target.metrics(space.sample(rng)) for _ in range(SAMPLES)]
    found: dict[str, Any] = {
        "name": space.name,
        "description": space.description,
        "target": target_name,
        "resolutions": list(space.resolutions),
        "size": space.size(),
        "choices": len(space.parameters),
        "seeds": [seed_name for seed_name, _ in space.seeds()],
        "removed": list(removed),
        "macs": spread([m.macs for m in metrics]),
        "params": spread([m.params for m in metrics]),
        "peak_memory_bytes": spread([m.peak_memory_bytes for m in metrics]),
    }
    if target_name is not None:
        found["latency_ms"] = spread([m.latency_ms for m in metrics])
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return minimum, quartiles and maximum."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"min": min(values), "q1": low, "median": middle, "q3": high, "max": max(values)}
