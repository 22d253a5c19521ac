"""From a budget of time to efforts: epochs and evaluations that this machine is likely to have time for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UserError
from nas.search.cluster import INLINE
from nas.search.evaluators import kind_of
from nas.search.pace import measure_pace
from nas.search.supernets import stored_supernet
from nas.search.time_budget import (
    EPOCHS,
    LEAST_S,
    MOST_EVALUATIONS,
    MOST_FINALIST_EPOCHS,
    TimePlan,
    epochs_within,
    split,
    with_whole_passes,
)
from nas.training.threads import suited_threads

if TYPE_CHECKING:
    from nas.data import ImageData
    from nas.search.config import SearchConfig
    from nas.search.defaults import Wishes
    from nas.search.target import Field
    from nas.space.architecture import Architecture
    from nas.training.recipe import Recipe

_RAY_STARTS_S = 10.0  # measured on two cores
_MEASURING = 0.04  # of the budget may go into timing steps


def timed(
    config: SearchConfig,
    wishes: Wishes,
    where: Field,
    feasible: Sequence[Architecture],
    data: ImageData,
    runs_dir: Path,
    started: float,
) -> SearchConfig:
    """Return the configuration with efforts that fit the budget of time, and how the time is split.

    Evaluations and epochs that the user gave stay as upper limits.

    Args:
        config: planned without a budget of time.
        wishes: with the budget.
        where: where the search takes place.
        feasible: some networks such as will be scored, to be timed.
        data: the data set.
        runs_dir: where supernets that were trained before lie.
        started: when planning began, by `time.monotonic`.

    Raises:
        UserError: if the budget is too short for anything.
    """
    total_s = _checked(wishes, config)
    effort, known = config.effort, _trained_before(config, where, data, runs_dir)
    # Of one whose whole recipe was run it is not asked how long another would take.
    whole = known is not None and known.epochs >= effort.supernet.epochs
    with suited_threads(data.resolution):
        pace = measure_pace(
            where.full,
            feasible,
            data,
            effort,
            config.workers,
            precision=config.precision,
            trained=whole,
            limit_s=min(20.0, _MEASURING * total_s),
        )
    split_by = partial(
        split,
        total_s,
        planning_s=time.monotonic() - started,
        formats=len(config.formats),
        starting_s=0.0 if config.workers.address == INLINE else _RAY_STARTS_S,
    )
    supernet = effort.supernet if whole else _fitting(effort.supernet, split_by(pace=pace), wishes.supernet_epochs)
    if known is not None and known.epochs >= supernet.epochs:
        supernet, pace = known, replace(pace, supernet_epoch_s=0.0)
    plan = split_by(pace=pace)
    each_s = plan.finalists_s / effort.most_trainings
    most_epochs = wishes.finalist_epochs or MOST_FINALIST_EPOCHS
    epochs = max(1, min(most_epochs, int(each_s / pace.finalist_epoch_s)))
    plan = with_whole_passes(plan, effort.most_trainings, epochs)
    most = wishes.evaluations or MOST_EVALUATIONS
    plan = replace(plan, evaluations=min(plan.evaluations, most), most_finalist_epochs=most_epochs)
    finalist = replace(effort.finalist, epochs=epochs)
    return replace(
        config, effort=replace(effort, supernet=supernet, evaluations=most, finalist=finalist), time_plan=plan
    )


def _checked(wishes: Wishes, config: SearchConfig) -> float:
    """Return the budget, unless it cannot be kept."""
    total_s = wishes.time_budget_s
    assert total_s is not None
    if total_s < LEAST_S:
        raise UserError(f"--time-budget must be at least {LEAST_S:g}s, got {total_s:g}s")
    if not kind_of(config.evaluator).needs_supernet:
        raise UserError(f"--time-budget goes with --evaluator supernet, not with {config.evaluator}")
    if config.workers.train_processes > 1:
        raise UserError("--time-budget and --train-processes do not go together: use --supernet-epochs, or one process")
    return total_s


def _fitting(recipe: Recipe, plan: TimePlan, most: int | None) -> Recipe:
    """Return the recipe with as many passes as there is time for."""
    return replace(recipe, epochs=epochs_within(plan.supernet_s, plan.pace.supernet_epoch_s, most or EPOCHS[-1]))


def _trained_before(config: SearchConfig, where: Field, data: ImageData, runs_dir: Path) -> Recipe | None:
    """Return the longest recipe of those that a budget may lead to whose supernet is there already."""
    most = config.effort.supernet
    for epochs in dict.fromkeys((*reversed(EPOCHS), most.epochs)):
        recipe = replace(most, epochs=epochs)
        if stored_supernet(where.full, data, recipe, runs_dir=runs_dir, warm_start=config.warm_start).is_file():
            return recipe
    return None
