"""What a search does where the user left it open: space, budget, effort."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from nas.blocks.user import load_blocks
from nas.data import ImageData, load_data
from nas.data.load import absolute
from nas.errors import UserError, unknown_name
from nas.model.warm_start import WarmStart, read_warm_start, warmed
from nas.resources import absolute_yaml
from nas.search.config import Effort, SearchConfig, Workers
from nas.search.evaluators import DEFAULT as SUPERNET
from nas.search.evaluators import Order, kind_of, listed_architectures, read_order
from nas.search.latency_check import MeasureOrder, require_measurable
from nas.search.objective import RULES, Constraints
from nas.search.pace import TIMED_NETWORKS
from nas.search.samplers import DEFAULT, SAMPLERS
from nas.search.study import Study
from nas.search.target import Target, derive_latency_ms, feasible_share, load_target, sample_metrics, search_field
from nas.search.timing import timed
from nas.space.architecture import Architecture
from nas.space.space import SearchSpace, load_space
from nas.training.precision import PRECISIONS, Precision
from nas.training.recipe import DIVERGENCES, Divergence, Recipe, default_recipe

SMALL_SPACE = "tiny-hybrid"
LARGE_SPACE = "mobile-hybrid"
MAX_SEED = 999_999_999  # what every generator takes
_SMALL_SIDE = 64  # images up to this side are searched in the small space
_SMALL_SET = 5000  # training images; larger sets need fewer passes
_CANDIDATE_EPOCHS = 2  # of a training that only compares


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; None stands for "choose for me".

    Attributes:
        target: name or path of a hardware profile.
        data: what `nas.data.load_data` takes.
        measure: where to measure the finalists before one wins; None trusts the predictions.
        warm_start: ``timm:NAME`` or ``timm:NAME=FILE``, the checkpoint that the supernet starts from.
        blocks: path of a file that defines block families of the user's own.
        evaluator: what scores the candidates, ``NAME`` or ``NAME:DETAIL``.
        changes: fields of the efforts' recipes that the user set, by name (``supernet_epochs``, ``evaluations``, ...).
        study_storage: database that the study is shared in; None searches alone.
        supernet_divergence: how subnets are compared with the largest one that they learn from.
        final_seeds: trainings of the winner and of the best known design.
        precision: ``float`` or ``int8``, of the networks whose accuracies are compared; None takes the target's.
        time_budget_s: how long the whole search may take; evaluations and epochs that are given are then upper limits.
    """

    target: str
    data: str = "digits"
    data_root: str | None = None
    space: str | None = None
    constraints: Constraints = Constraints()
    sampler: str | None = None
    evaluator: str = SUPERNET
    select: str = "accuracy_per_mac"
    accuracy_slack: float = 0.01
    seed: int = 0
    smoke: bool = False
    evaluations: int | None = None
    finalists: int | None = None
    supernet_epochs: int | None = None
    supernet_divergence: Divergence | None = None
    finalist_epochs: int | None = None
    candidate_epochs: int | None = None
    final_seeds: int | None = None
    precision: str | None = None
    time_budget_s: float | None = None
    workers: Workers = Workers()
    formats: tuple[str, ...] = ("onnx",)
    warm_start: str | None = None
    measure: MeasureOrder | None = None
    blocks: str | None = None
    study_storage: str | None = None

    def __post_init__(self) -> None:
        named = (
            ("selection rule", self.select, RULES),
            ("sampler", self.sampler, SAMPLERS),
            ("divergence", self.supernet_divergence, DIVERGENCES),
        )
        for what, name, legal in named:
            if name is not None and name not in legal:
                raise unknown_name(what, name, legal)
        if not 0 <= self.accuracy_slack <= 1:
            raise UserError(f"accuracy slack must be between 0 and 1 (0.01 is one point), got {self.accuracy_slack}")
        if not 0 <= self.seed <= MAX_SEED:
            raise UserError(f"seed must be a whole number from 0 to {MAX_SEED}, got {self.seed}")


def plan(wishes: Wishes, *, runs_dir: Path = Path("runs")) -> SearchConfig:
    """Fill in everything that was left open.

    Args:
        wishes: what the user asked for.
        runs_dir: where supernets that were trained before lie.

    Raises:
        UserError: if something named does not exist, or nothing of the space is left on the target.
        InfeasibleError: if no architecture keeps the constraints.
    """
    order = _evaluator(wishes)
    started = time.monotonic()
    blocks = None if wishes.blocks is None else load_blocks(Path(wishes.blocks))
    target = load_target(wishes.target)
    if wishes.measure is not None:
        require_measurable(target.profile, wishes.measure)
    # What the run keeps means the same in every folder: it may be resumed, or evaluated by workers, elsewhere.
    spec, root = absolute(wishes.data, None if wishes.data_root is None else Path(wishes.data_root))
    given_space = load_space(wishes.space) if wishes.space else None
    data = load_data(spec, resolution=max(given_space.resolutions) if given_space else 32, seed=0, root=root)
    name = wishes.space or default_space(data)
    space = (given_space or load_space(name)).for_classes(data.num_classes)
    where = search_field(space, target)
    left = where.restriction.space
    warm_start = _warm_start(wishes, left)
    sampled = sample_metrics(left, target)
    constraints, derived = wishes.constraints, wishes.constraints.latency_ms is None
    if derived:
        constraints = replace(constraints, latency_ms=derive_latency_ms(sampled))
    if constraints.params is None:  # what does not fit on the chip is not in the restricted space
        constraints = replace(constraints, params=where.restriction.max_params)
    # Asked before any work: an impossible budget should fail here, not after the supernet is trained.
    # What is feasible does not depend on the sampler, and the random one is the quickest to say that nothing is.
    only = listed_architectures(order, where)
    study = Study(
        left, constraints, target.metrics, sampler_name="random", seed=wishes.seed, seeds=where.seeds, only=only
    )
    networks = feasible_networks(study)
    first = next(networks)
    config = SearchConfig(
        target=absolute_yaml(wishes.target),
        space=absolute_yaml(name),
        data=spec,
        data_root=None if root is None else str(root),
        constraints=constraints,
        derived=derived,
        feasible_share=feasible_share(sampled, constraints),
        effort=effort(wishes, data),
        evaluator=order,
        select=wishes.select,
        accuracy_slack=wishes.accuracy_slack,
        seed=wishes.seed,
        workers=wishes.workers,
        formats=wishes.formats,
        warm_start=warm_start,
        measure=wishes.measure,
        blocks=None if blocks is None else blocks.digest,
        sampler=wishes.sampler or DEFAULT,
        precision=_precision(wishes, target, order),
        study_storage=wishes.study_storage,
    )
    if wishes.time_budget_s is None:
        return config
    further = islice(networks, len(where.seeds) + TIMED_NETWORKS)  # known designs come first
    return timed(config, wishes, where, [first, *further][-TIMED_NETWORKS:], data, runs_dir, started)


def feasible_networks(study: Study) -> Iterator[Architecture]:
    """Yield networks that a study proposes, within its limits, until it knows no other.

    Raises:
        InfeasibleError: if there is none.
    """
    while (candidate := study.ask()) is not None:
        yield candidate.architecture


def _evaluator(wishes: Wishes) -> Order:
    """Read which evaluator is wanted, and refuse flags that would silently do nothing with it."""
    order = read_order(wishes.evaluator)
    kind = kind_of(order)
    idle = {
        "--supernet-epochs": wishes.supernet_epochs is not None and not kind.needs_supernet,
        "--supernet-divergence": wishes.supernet_divergence is not None and not kind.needs_supernet,
        "--warm-start": wishes.warm_start is not None and not kind.needs_supernet,
        "--candidate-epochs": wishes.candidate_epochs is not None and order.name != "train",
    }
    given = [flag for flag, idles in idle.items() if idles]
    if given:
        raise UserError(f"{', '.join(given)} would do nothing with --evaluator {order.name}; leave it out")
    return order


def _precision(wishes: Wishes, target: Target, order: Order) -> Precision:
    """Return what candidates are scored in: as the target computes, where the evaluator can tell."""
    if wishes.precision not in (None, *PRECISIONS):
        raise unknown_name("precision", str(wishes.precision), PRECISIONS)
    if order.name != SUPERNET:
        if wishes.precision == "int8":
            raise UserError(f"--precision int8 goes with --evaluator {SUPERNET}, not with {order.name}")
        return "float"
    return "int8" if (wishes.precision or target.profile.precision) == "int8" else "float"


def _warm_start(wishes: Wishes, space: SearchSpace) -> WarmStart | None:
    """Read the checkpoint once before any work: a wrong name or no network should fail now."""
    if wishes.warm_start is None:
        return None
    return warmed(read_warm_start(wishes.warm_start), space, of=f" as far as {wishes.target} can run it")


def default_space(data: ImageData) -> str:
    """Return the space that suits the size of a data set's images."""
    image, _ = data.train[0]
    return SMALL_SPACE if max(image.size) <= _SMALL_SIDE else LARGE_SPACE


def effort(wishes: Wishes, data: ImageData) -> Effort:
    """Return how much work suits a data set; what the user set is kept."""
    small = len(data.train) < _SMALL_SET
    batch_size = 32 if small else 128
    supernet = Recipe(epochs=16, batch_size=batch_size, lr=1e-2, seed=wishes.seed)
    finalist = Recipe(epochs=6, batch_size=2 * batch_size, lr=2e-3, seed=wishes.seed)
    chosen = Effort(supernet=supernet, finalist=finalist, final_seeds=3 if small else 1)
    order = read_order(wishes.evaluator)
    if not kind_of(order).needs_supernet:  # then finalists inherit nothing, and need a whole training
        chosen = replace(chosen, finalist=default_recipe(data, seed=wishes.seed), final_seeds=1)
    if order.name == "train":
        chosen = replace(chosen, candidate=replace(chosen.finalist, epochs=_CANDIDATE_EPOCHS, ema_decay=None))
    if wishes.smoke:
        chosen = _smoke(chosen)
    if wishes.supernet_divergence is not None:
        chosen = replace(chosen, supernet=replace(chosen.supernet, distill_divergence=wishes.supernet_divergence))
    changes: dict[str, Any] = {name: getattr(wishes, name) for name in ("evaluations", "finalists", "final_seeds")}
    if wishes.supernet_epochs is not None:
        changes["supernet"] = _epochs(chosen.supernet, wishes.supernet_epochs, "--supernet-epochs")
    if wishes.candidate_epochs is not None and chosen.candidate is not None:
        changes["candidate"] = _epochs(chosen.candidate, wishes.candidate_epochs, "--candidate-epochs")
    if wishes.finalist_epochs is not None:
        changes["finalist"] = _epochs(chosen.finalist, wishes.finalist_epochs, "--finalist-epochs")
    try:
        return replace(chosen, **{name: value for name, value in changes.items() if value is not None})
    except ValueError as error:
        raise UserError(str(error)) from None


def _smoke(effort: Effort) -> Effort:
    """Return the smallest work that still runs every part."""
    return replace(
        effort,
        supernet=replace(effort.supernet, epochs=2),
        finalist=replace(effort.finalist, epochs=1),
        candidate=None if effort.candidate is None else replace(effort.candidate, epochs=1),
        evaluations=12,
        finalists=1,
        baselines=1,
    )


def _epochs(recipe: Recipe, epochs: int, flag: str) -> Recipe:
    if epochs < 1:
        raise UserError(f"{flag} must be at least 1, got {epochs}")
    return replace(recipe, epochs=epochs)
