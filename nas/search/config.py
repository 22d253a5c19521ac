"""Everything a search depends on, as plain data: what ``config.yaml`` of a run holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas import schema
from nas.errors import UserError
from nas.model.warm_start import WarmStart
from nas.search.cluster import INLINE
from nas.search.evaluators.contract import Order
from nas.search.latency_check import MeasureOrder
from nas.search.objective import Constraints
from nas.search.samplers import DEFAULT
from nas.search.study_url import without_password
from nas.search.time_budget import TimePlan
from nas.training.device import CPU
from nas.training.precision import Precision
from nas.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work a search does.

    Attributes:
        supernet: how the shared weights are trained.
        evaluations: candidates that are scored.
        finalists: members of the front that are trained further.
        finalist: how they are trained.
        baselines: known designs that are trained beside them.
        candidate: how each candidate is trained, where the evaluator does that.
        rungs: how often the best third of those is trained anew, three times as long.
        final_seeds: trainings of the winner and of the best known design.
    """

    supernet: Recipe
    finalist: Recipe
    evaluations: int = 150
    finalists: int = 3
    baselines: int = 2
    candidate: Recipe | None = None
    rungs: int = 1
    final_seeds: int = 1

    def __post_init__(self) -> None:
        for name in ("evaluations", "finalists", "final_seeds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("baselines", "rungs"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")

    def trainings_of(self, networks: int) -> int:
        """Return how often the last stage trains: each network once, the winner and its best rival for every seed."""
        return networks + 2 * (self.final_seeds - 1)

    @property
    def most_trainings(self) -> int:
        """How often it trains at most: there may be fewer finalists or known designs than wanted."""
        return self.trainings_of(self.finalists + self.baselines)


@dataclass(frozen=True, slots=True)
class Workers:
    """Where a search computes.

    Attributes:
        address: candidates are evaluated ``inline``, in this process, else with Ray at an address.
        count: candidates evaluated at once; None takes as many as fit.
        cpus: CPUs of one evaluation.
        gpus: GPUs of one evaluation that Ray keeps for it; without any, Ray's workers use the CPU.
        device: what trains supernet and finalists, and evaluates: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        train_processes: processes that train the supernet together, each on its share of every batch.
        storage: folder or bucket for data that nodes of a cluster do not see by themselves.
    """

    address: str = "local"
    count: int | None = None
    cpus: int = 1
    gpus: float = 0.0
    device: str = "auto"
    train_processes: int = 1
    storage: str | None = None

    def __post_init__(self) -> None:
        if self.train_processes < 1:
            raise ValueError(f"train_processes must be at least 1, got {self.train_processes}")

    @property
    def evaluation_device(self) -> str:
        """The device of one evaluation, as the process that does it names it: Ray numbers its GPUs anew."""
        if self.address == INLINE:
            return self.device
        return self.device.partition(":")[0] if self.gpus > 0 else CPU


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """One search, ready to run: nothing is left to be derived.

    Attributes:
        target: name or path of a hardware profile.
        space: name or path of a search space.
        data: what `nas.data.load_data` takes.
        data_root: folder that relative data names are looked for in.
        constraints: hard limits, latency always among them.
        derived: whether the latency limit was derived from the space rather than given.
        feasible_share: share of random architectures within the limits.
        sampler: search algorithm.
        evaluator: what scores the candidates.
        select: rule that names the winner.
        accuracy_slack: accuracy that the rule may give up, as a fraction.
        seed: what every draw depends on.
        effort: how much work to do.
        workers: where to do it.
        formats: what the winner is exported to.
        measure: where the finalists are measured before one wins; None trusts the predictions.
        warm_start: the checkpoint of timm's that the supernet starts from; None starts from random weights.
        blocks: digest of the file of block families that lies in the run as ``blocks.py``; None if there is none.
        specialised_from: the run whose candidates and supernet this one took over; None if it began with nothing.
        precision: of the networks whose accuracies are compared: ``float``, or ``int8``, simulated.
        time_plan: how a budget of time is split over the stages; None searches as long as the efforts take.
        study_storage: database that the study is shared in; kept in the run without its password.
    """

    target: str
    space: str
    data: str
    constraints: Constraints
    effort: Effort
    derived: bool = False
    feasible_share: float | None = None
    data_root: str | None = None
    sampler: str = DEFAULT
    evaluator: Order = field(default_factory=Order)
    select: str = "accuracy_per_mac"
    accuracy_slack: float = 0.01
    seed: int = 0
    workers: Workers = field(default_factory=Workers)
    formats: tuple[str, ...] = ("onnx",)
    warm_start: WarmStart | None = None
    measure: MeasureOrder | None = None
    blocks: str | None = None
    specialised_from: str | None = None
    precision: Precision = "float"
    time_plan: TimePlan | None = None
    study_storage: str | None = None

    @property
    def root(self) -> Path | None:
        """The folder that relative data names are looked for in."""
        return Path(self.data_root) if self.data_root else None


def read_config(path: Path) -> SearchConfig:
    """Read a run's configuration.

    Raises:
        UserError: if it is missing or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: not found; is {str(path.parent)!r} a run?")
    return schema.read(SearchConfig, schema.load_yaml(path), source=str(path))


def config_document(config: SearchConfig) -> dict[str, Any]:
    """Return what `read_config` reads."""
    document: dict[str, Any] = schema.to_dict(config)
    if config.study_storage is not None:
        document["study_storage"] = without_password(config.study_storage)
    return document
