"""What a search space holds, and what the zoo does: sizes, and what architectures cost on targets."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nas.cost.cost import CostModel
from nas.hardware.predictor import LatencyPredictor
from nas.hardware.profile import load_profile, profile_names
from nas.hardware.space import restrict
from nas.model.zoo import PAPERS, zoo_architecture
from nas.space.architecture import Architecture
from nas.space.space import SearchSpace, load_space

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


def survey_zoo(target_name: str | None = None, space_name: str | None = None) -> dict[str, Any]:
    """Say what every published network of the zoo costs, each at its own resolution.

    Args:
        target_name: name or path of the target whose latencies are given; None gives those of every shipped one.
        space_name: name or path of a space: it is said which networks are points of it, at its resolutions; with a
            target, of what the target can run of it.

    Raises:
        UserError: if space or target do not exist, or the target can run nothing of the space.
    """
    targets = profile_names() if target_name is None else [target_name]
    predictors = {name: LatencyPredictor(load_profile(name)) for name in targets}
    space = None if space_name is None else load_space(space_name)
    if space is not None and target_name is not None:
        space = restrict(space, predictors[target_name].profile).space
    model = CostModel()
    networks = [_zoo_row(name, model, predictors, space) for name in PAPERS]
    return {"targets": targets, "space": space_name, "networks": networks}


def _zoo_row(
    name: str, model: CostModel, predictors: Mapping[str, LatencyPredictor], space: SearchSpace | None
) -> dict[str, Any]:
    architecture = zoo_architecture(name)
    cost = model.cost(architecture)
    estimates = {target: predictor.estimate(architecture) for target, predictor in predictors.items()}
    return {
        "name": name,
        "paper": PAPERS[name],
        "resolution": architecture.resolution,
        "macs": cost.macs,
        "params": cost.params,
        "peak_memory_bytes": cost.peak_memory_bytes,
        "latency_ms": {target: found.latency_ms for target, found in estimates.items()},
        "unsupported": {target: list(found.unsupported) for target, found in estimates.items()},
        "extrapolated": {target: found.extrapolated for target, found in estimates.items()},
        "in_space": None if space is None else _is_point(architecture, space),
    }


def _is_point(architecture: Architecture, space: SearchSpace) -> bool:
    """Whether the network is in the space at any (and so at every) resolution of it."""
    return space.contains(replace(architecture, resolution=space.resolutions[0], num_classes=space.num_classes))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return minimum, quartiles and maximum."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"min": min(values), "q1": low, "median": middle, "q3": high, "max": max(values)}
