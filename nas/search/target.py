"""A target as a search sees it: the space it can run, and what an architecture costs on it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.cost.cost import CostModel
from nas.hardware.predictor import LatencyEstimate, LatencyPredictor
from nas.hardware.profile import HardwareProfile, load_profile
from nas.hardware.space import Restriction, restrict
from nas.model.zoo import ZOO
from nas.resources import absolute_yaml
from nas.search.objective import Constraints, Metrics, feasible

if TYPE_CHECKING:
    from nas.cost.ops import Trace
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

Named = tuple[str, "Architecture"]

SHARE_SAMPLES = 400  # of a large space each brings blocks that are traced for the first time
DERIVED_QUANTILE = 0.4  # of the latencies of random architectures


class Target:
    """Predicts what architectures cost on one device, remembering every part it has seen."""

    def __init__(self, profile: HardwareProfile, source: str | None = None) -> None:
        self.profile = profile
        self.source = source  # the name or path that it was read from
        self._predictor = LatencyPredictor(profile)
        self._costs = CostModel()

    @classmethod
    def load(cls, name_or_path: str) -> Target:
        """Load a target by name or path; see `load_target`."""
        return load_target(name_or_path)

    def metrics(self, architecture: Architecture) -> Metrics:
        """Return everything but the accuracy."""
        cost = self._costs.cost(architecture)
        latency_ms = self._predictor.latency_ms(architecture)
        return Metrics(cost.macs, cost.params, latency_ms, cost.peak_memory_bytes)

    def estimate(self, architecture: Architecture) -> LatencyEstimate:
        """Return the latency kernel by kernel, with its interval."""
        return self._predictor.estimate(architecture)

    def estimate_trace(self, trace: Trace) -> LatencyEstimate:
        """Return the latency of the operations of any network, kernel by kernel, with its interval."""
        return self._predictor.estimate_trace(trace)


def load_target(name_or_path: str) -> Target:
    """Load a target by name or path.

    Raises:
        UserError: if there is none, or its file is wrong.
    """
    return Target(load_profile(name_or_path), absolute_yaml(name_or_path))


@dataclass(frozen=True)
class Field:
    """Where a search takes place.

    Attributes:
        full: the space of the supernet.
        restriction: the part of it that the target can run.
        seeds: known designs in that part, proposed first.
    """

    full: SearchSpace
    restriction: Restriction
    seeds: tuple[Named, ...]


def search_field(space: SearchSpace, target: Target) -> Field:
    """Restrict a space to a target and collect the known designs that are left in it.

    Raises:
        UserError: if nothing is left.
    """
    restriction = restrict(space, target.profile)
    return Field(space, restriction, (*zoo_points(restriction.space), *restriction.seeds(space)))


def zoo_points(space: SearchSpace) -> tuple[Named, ...]:
    """Return the published networks that are points of the space, at its largest and smallest resolution."""
    sizes = dict.fromkeys((max(space.resolutions), min(space.resolutions)))
    made = ((f"{name}@{size}", ZOO[name](size, space.num_classes)) for size in sizes for name in ZOO)
    return tuple((name, architecture) for name, architecture in made if space.contains(architecture))


def sample_metrics(space: SearchSpace, target: Target) -> list[Metrics]:
    """Return what random architectures of a space cost: always the same, so that a derived budget is one too."""
    rng = random.Random(0)
    return [target.metrics(space.sample(rng)) for _ in range(SHARE_SAMPLES)]


def derive_latency_ms(sampled: Sequence[Metrics]) -> float:
    """Return a latency budget that asks for something: 40 % of the sampled architectures keep it.

    The figure is rounded to two digits, to more where the latencies hardly differ.
    """
    latencies = sorted(m.latency_ms for m in sampled)
    wanted, least = (latencies[int(share * len(latencies))] for share in (DERIVED_QUANTILE, DERIVED_QUANTILE / 2))
    rounded = (float(f"{wanted:.{digits}g}") for digits in range(2, 7))
    return next((limit for limit in rounded if limit >= least), wanted)


def feasible_share(sampled: Sequence[Metrics], constraints: Constraints) -> float:
    """Return the share of the sampled architectures within the limits."""
    return sum(feasible(m, constraints) for m in sampled) / len(sampled)
