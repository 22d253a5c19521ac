"""How quick this machine is: a few real steps of every stage, timed before a search with a budget of time."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nas.search.cluster import INLINE
from nas.search.time_budget import Pace
from nas.training.loop import Callbacks, Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.data import ImageData
    from nas.model.supernet import Supernet
    from nas.search.config import Effort, Workers
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace
    from nas.training.precision import Precision

_LEAST_STEPS = 3  # that count, after one that makes what later ones find made
_PROPOSAL_S = 0.04  # of a processor that workers would use too; measured in tiny-hybrid (benchmarks.driver)
TIMED_NETWORKS = 4  # scored; the first one makes what later ones find made


def measure_pace(
    full: SearchSpace,
    feasible: Sequence[Architecture],
    data: ImageData,
    effort: Effort,
    workers: Workers,
    *,
    precision: Precision,
    trained: bool,
    limit_s: float,
) -> Pace:
    """Time some steps of supernet training, some evaluations, and some steps of training a finalist.

    Args:
        full: the space of the supernet.
        feasible: some networks such as will be scored, within all limits.
        data: the data set.
        effort: holds the recipes.
        workers: where candidates will be evaluated.
        precision: what candidates are scored in.
        trained: whether the supernet is there already.
        limit_s: about how long this may take.
    """
    from nas.model.supernet import Supernet
    from nas.training.device import placed, resolve
    from nas.training.supernet import train_supernet

    supernet = placed(Supernet(full, seed=effort.supernet.seed), resolve(workers.device))
    steps = len(data.train) // min(effort.supernet.batch_size, len(data.train))
    epoch_s = 0.0
    if not trained:
        recipe = effort.supernet
        epoch_s = steps * _step_s(lambda hooks: train_supernet(supernet, data, recipe, callbacks=hooks), limit_s / 2)
    supernet.eval()
    evaluation_s = (_evaluation_s(supernet, feasible, data, precision) + _PROPOSAL_S) / at_once(workers)
    most = effort.most_trainings
    finalist_s = finalist_epoch_s(supernet, feasible[-1], data, effort, limit_s / 4, trainings=most)
    return Pace(epoch_s, evaluation_s, finalist_s)


def finalist_epoch_s(
    supernet: Supernet, architecture: Architecture, data: ImageData, effort: Effort, limit_s: float, *, trainings: int
) -> float:
    """Time one pass of one finalist's training, by a few steps of it.

    Args:
        supernet: gives the weights and the teacher.
        architecture: what is trained.
        data: the data set.
        effort: holds the recipe.
        limit_s: about how long this may take.
        trainings: how many share the teacher's answers, which are computed once for each seed.
    """
    from nas.search.supernet_evaluator import at_resolution, calibration_batches, inherit
    from nas.training.train import train

    calibration = calibration_batches(data)
    largest = supernet.space.largest()
    teacher: nn.Module = at_resolution(inherit(supernet, largest, calibration), largest).eval()
    network = at_resolution(inherit(supernet, architecture, calibration), architecture)
    recipe = effort.finalist
    steps = len(data.train) // min(recipe.batch_size, len(data.train))

    asking: list[float] = []

    def taught(images: Tensor, _: int) -> Tensor:
        start = time.perf_counter()
        logits: Tensor = teacher(images)
        asking.append(time.perf_counter() - start)
        return logits

    step_s = _step_s(lambda hooks: train(network, data, recipe, teacher=taught, callbacks=hooks), limit_s)
    remembered = 1 - min(1.0, effort.final_seeds / trainings)
    return steps * max(step_s / 10, step_s - remembered * statistics.fmean(asking[1:] or asking))


def at_once(workers: Workers) -> int:
    """Return how many candidates are evaluated at once, as far as that is known here."""
    if workers.address == INLINE:
        return 1
    return workers.count or max(1, (os.cpu_count() or 1) // workers.cpus)


def _step_s(few: Callable[[Callbacks], object], limit_s: float) -> float:
    """Return the median time of a step of a training that is stopped after a few."""
    ends: list[float] = [time.perf_counter()]

    def note(_: Progress) -> None:
        ends.append(time.perf_counter())

    def enough() -> bool:
        return len(ends) > _LEAST_STEPS + 1 and time.perf_counter() - ends[0] > limit_s

    few(Callbacks(progress=note, should_stop=enough))
    gaps = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    return statistics.fmean(gaps[1:] or gaps)  # the mean: a sandwich holds dear and cheap subnets


def _evaluation_s(supernet: Supernet, networks: Sequence[Architecture], data: ImageData, precision: Precision) -> float:
    from nas.search.supernet_evaluator import SupernetEvaluator

    evaluator, seconds = SupernetEvaluator(supernet, data, precision=precision), []
    for network in networks:
        start = time.perf_counter()
        evaluator.evaluate(network.to_dict())
        seconds.append(time.perf_counter() - start)
    return statistics.fmean(seconds[1:] or seconds)
