"""What a search space holds, and what the zoo does: sizes, and what architectures cost on targets."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nas import schema
from nas.cost.cost import CostModel
from nas.hardware.predictor import LatencyPredictor
from nas.hardware.profile import load_profile, profile_names
from nas.hardware.space import restrict
from nas.model.zoo import PAPERS, zoo_architecture
from nas.report.histogram import histogram
from nas.space.architecture import Architecture
from nas.space.space import SearchSpace, load_space

SAMPLES = 1000
EXTREMES = 10
DEFAULT_TARGET = "host-cpu"
FIGURES = ("macs", "params", "peak_memory_bytes", "latency_ms")

OnProgress = Callable[[int, int], None]


def _unwatched(done: int, total: int) -> None:
    """Tell nobody."""


def survey_space(
    name: str, target_name: str | None = None, *, seed: int = 0, progress: OnProgress = _unwatched
) -> dict[str, Any]:
    """Sample a space and sum up its costs.

    Args:
        name: name or path of the space.
        target_name: name or path of a target: the space is what it can run, and latencies are its. None takes the whole
            space, with latencies of `DEFAULT_TARGET`.
        seed: what the samples depend on.
        progress: hears how many of how many samples are costed; blocks that are met for the first time take long.

    Raises:
        UserError: if space or target do not exist, or the target can run nothing of the space.
    """
    space = load_space(name)
    profile = load_profile(target_name or DEFAULT_TARGET)
    restriction = None if target_name is None else restrict(space, profile)
    if restriction is not None:
        space = restriction.space
    rng, costing = random.Random(seed), _Costing(CostModel(), LatencyPredictor(profile))
    figures: list[dict[str, float]] = []
    for number in range(SAMPLES):
        figures.append(costing.figures(space.sample(rng)))
        progress(number + 1, SAMPLES)
    columns = {key: [row[key] for row in figures] for key in FIGURES}
    return {
        "name": space.name,
        "description": space.description,
        "target": target_name,
        "latency_target": profile.name,
        "resolutions": list(space.resolutions),
        "size": space.size(),
        "choices": len(space.parameters),
        "classes": space.num_classes,
        "samples": SAMPLES,
        "seeds": [seed_name for seed_name, _ in space.seeds()],
        "removed": [] if restriction is None else list(restriction.removed),
        **{key: spread(column) for key, column in columns.items()},
        "smallest": _extreme(space.smallest, costing, columns, min),
        "largest": _extreme(space.largest, costing, columns, max),
        "zoo": [{"name": label, **costing.figures(point)} for label, point in _points(space)],
        "histograms": {key: schema.to_dict(histogram(columns[key])) for key in ("macs", "latency_ms")},
    }


@dataclass(frozen=True)
class _Costing:
    """Costs architectures, with their latency on one target."""

    model: CostModel
    predictor: LatencyPredictor

    def figures(self, architecture: Architecture) -> dict[str, float]:
        """Return what is said of an architecture, by `FIGURES`."""
        cost = self.model.cost(architecture)
        latency_ms = self.predictor.latency_ms(architecture)
        return dict(zip(FIGURES, (cost.macs, cost.params, cost.peak_memory_bytes, latency_ms), strict=True))


def _extreme(
    draw: Callable[[random.Random], Architecture],
    costing: _Costing,
    columns: Mapping[str, Sequence[float]],
    pick: Callable[[Iterable[float]], float],
) -> dict[str, float]:
    """Return the extreme of each figure among the samples and some architectures with extreme numbers throughout."""
    rows = [costing.figures(draw(random.Random(seed))) for seed in range(EXTREMES)]
    return {key: pick([*columns[key], *(row[key] for row in rows)]) for key in FIGURES}


def _points(space: SearchSpace) -> Iterator[tuple[str, Architecture]]:
    """Yield the published networks that the space holds, each at its own resolution or else the space's largest."""
    for name in PAPERS:
        published = zoo_architecture(name, num_classes=space.num_classes)
        size = published.resolution if published.resolution in space.resolutions else max(space.resolutions)
        sized = replace(published, resolution=size)
        if space.contains(sized):
            yield f"{name}@{size}", sized


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
