"""What a search space holds: its size, and what its architectures cost, on a target if one is named."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Any

from nas.cost.cost import CostModel
from nas.hardware.predictor import LatencyPredictor
from nas.hardware.profile import load_profile
from nas.hardware.space import restrict
from nas.space.space import load_space

SAMPLES = 1000


def survey_space(name: str, target_name: str | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Sample a space and sum up its costs.

    Args:
        name: name or path of the space.
        target_name: name or path of a target: the space is what it can run, and latencies are added.
        seed: what the samples depend on.

    Raises:
        UserError: if space or target do not exist, or the target can run nothing of the space.
    """
    space = load_space(name)
    profile = None if target_name is None else load_profile(target_name)
    restriction = None if profile is None else restrict(space, profile)
    if restriction is not None:
        space = restriction.space
    rng, model = random.Random(seed), CostModel()
    architectures = [space.sample(rng) for _ in range(SAMPLES)]
    costs = [model.cost(architecture) for architecture in architectures]
    found: dict[str, Any] = {
        "name": space.name,
        "description": space.description,
        "target": target_name,
        "resolutions": list(space.resolutions),
        "size": space.size(),
        "choices": len(space.parameters),
        "seeds": [seed_name for seed_name, _ in space.seeds()],
        "removed": [] if restriction is None else list(restriction.removed),
        "macs": spread([cost.macs for cost in costs]),
        "params": spread([cost.params for cost in costs]),
        "peak_memory_bytes": spread([cost.peak_memory_bytes for cost in costs]),
    }
    if profile is not None:
        predictor = LatencyPredictor(profile)
        found["latency_ms"] = spread([predictor.latency_ms(architecture) for architecture in architectures])
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return minimum, quartiles and maximum."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"min": min(values), "q1": low, "median": middle, "q3": high, "max": max(values)}
