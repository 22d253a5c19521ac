"""How well a run's supernet ranks: inherited accuracies beside those of the same networks trained alone.

Left in the run: ``supernet-eval.jsonl`` (a line a finished training, used again by the next call),
``supernet-eval.json`` and ``supernet-eval.svg``.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, schema, torch_compat
from nas.blocks.user import load_run_blocks
from nas.errors import UserError
from nas.runs import RunDirectory
from nas.search.config import SearchConfig, read_config

if TYPE_CHECKING:
    from nas.data import ImageData
    from nas.search.ranking import AloneTrainings
    from nas.search.watch import Watch
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace
    from nas.training.loop import Progress
    from nas.training.recipe import Recipe
    from nas.training.train import Score

STEM = "supernet-eval"
# Training images. On the digits one pass tells how quickly networks start, and four leave them as good as equal.
_SMALL_SET, _SMALL_EPOCHS, _EPOCHS = 5000, 2, 5
_LR = 4e-3


@dataclass(frozen=True, slots=True)
class EvalOrder:
    """What is asked for.

    Attributes:
        networks: how many architectures are trained alone.
        seeds: how often each, from other initial weights and in another order of images.
        epochs: passes of each training; None suits the data.
        seed: decides which architectures.
        device: where to compute; None takes the run's.
    """

    networks: int = 20
    seeds: int = 2
    epochs: int | None = None
    seed: int = 0
    device: str | None = None

    def __post_init__(self) -> None:
        if self.networks < 3:
            raise UserError(f"a rank correlation needs 3 networks or more, got {self.networks}")


def evaluate_supernet(path: Path, order: EvalOrder, watch: Watch) -> dict[str, Any]:
    """Train networks alone, score them with inherited weights too, and compare; returns what the run then holds.

    The supernet is trained first where the run has none yet. Ctrl-C loses the training at hand, nothing else.

    Raises:
        UserError: if it is no run, or another process writes it.
    """
    torch_compat.prepare()
    from nas.data import load_data
    from nas.space.space import load_space
    from nas.training.threads import suited_threads

    config = read_config(path / runs.CONFIG)
    load_run_blocks(path)
    space = load_space(config.space)
    data = load_data(config.data, resolution=max(space.resolutions), seed=config.seed, root=config.root)
    with RunDirectory.open(path) as run, suited_threads(data.resolution):
        document = _compared(config, space.for_classes(data.num_classes), data, order, run, watch)
        run.write_json(f"{STEM}.json", document)
        from nas.report.ranking_chart import draw_ranking

        run.write_text(f"{STEM}.svg", draw_ranking(document))
    return document


def _compared(
    config: SearchConfig, space: SearchSpace, data: ImageData, order: EvalOrder, run: RunDirectory, watch: Watch
) -> dict[str, Any]:
    from nas.search.ranking import AloneTrainings, spread
    from nas.search.supernet_evaluator import SupernetEvaluator
    from nas.search.supernets import run_supernet
    from nas.training.device import resolve

    device = resolve(order.device or config.workers.device)
    supernet, weights = run_supernet(config, space, data, run.path, watch=watch, device=device)
    networks = spread(space, order.networks, seed=order.seed)
    evaluator = SupernetEvaluator(supernet, data)
    inherited = []
    for number, network in enumerate(networks):
        watch.progress("inherited", number, len(networks))
        inherited.append(evaluator.score(network.to_dict()))
    recipe = alone_recipe(config.effort.supernet, data, order.epochs)
    run.recover_records(f"{STEM}.jsonl")  # a line that was cut off would be damaged by the next
    trainings = AloneTrainings(data, recipe, run.file(f"{STEM}.jsonl"), device)
    alone = _train_alone(networks, order.seeds, trainings, watch)
    described = {
        "space": space.name,
        "data": data.name,
        "supernet": {"weights": weights.name, "recipe": schema.to_dict(config.effort.supernet)},
        "alone": schema.to_dict(recipe),
        "seeds": order.seeds,
    }
    return described | compare(networks, inherited, alone)


def alone_recipe(supernet: Recipe, data: ImageData, epochs: int | None) -> Recipe:
    """Return how networks are trained alone: short, so that their accuracies differ by more than chance."""
    chosen = epochs or (_SMALL_EPOCHS if len(data.train) < _SMALL_SET else _EPOCHS)
    return replace(supernet, epochs=chosen, lr=_LR, ema_decay=None)


def _train_alone(
    networks: Sequence[Architecture], seeds: int, trainings: AloneTrainings, watch: Watch
) -> list[list[Score]]:
    """Return the scores of each network, one a seed."""
    total, done = len(networks) * seeds, itertools.count()
    alone: list[list[Score]] = [[] for _ in networks]
    for seed in range(seeds):  # seed by seed: a first, rougher answer is complete early
        for scores, network in zip(alone, networks, strict=True):
            number = next(done)

            def progress(at: Progress, number: int = number) -> None:
                watch.progress("alone", number + at.step / at.steps, total, f"loss {at.metrics['loss']:.2f}")

            scores.append(trainings.score(network, seed, progress=progress))
    watch.progress("alone", total, total)
    return alone


def compare(
    networks: Sequence[Architecture], inherited: Sequence[Score], alone: Sequence[Sequence[Score]]
) -> dict[str, Any]:
    """Return the rank correlations of inherited scores, MACs and parameters with scores trained alone.

    Args:
        networks: what was scored.
        inherited: a score each.
        alone: scores each, one a seed.
    """
    from nas.cost.cost import CostModel
    from nas.search.ranking import correlation

    costs = CostModel()
    found = [costs.cost(network) for network in networks]
    accuracies, losses = [[s.accuracy for s in each] for each in alone], [[s.loss for s in each] for each in alone]
    means = [statistics.fmean(each) for each in accuracies]
    loss = correlation([s.loss for s in inherited], [statistics.fmean(each) for each in losses])
    return {
        "tau": schema.to_dict(correlation([s.accuracy for s in inherited], means)),
        "tau_loss": schema.to_dict(loss),
        "tau_macs": schema.to_dict(correlation([float(c.macs) for c in found], means)),
        "tau_params": schema.to_dict(correlation([float(c.params) for c in found], means)),
        # How well one training alone predicts another: more cannot be asked of a supernet.
        "tau_between_seeds": _between_seeds(accuracies),
        "tau_between_seeds_loss": _between_seeds(losses),
        "networks": [
            {
                "digest": network.digest,
                "macs": cost.macs,
                "params": cost.params,
                "inherited": score.accuracy,
                "inherited_loss": score.loss,
                "alone": [s.accuracy for s in each],
                "alone_loss": [s.loss for s in each],
                "architecture": network.to_dict(),
            }
            for network, cost, score, each in zip(networks, found, inherited, alone, strict=True)
        ],
    }


def _between_seeds(alone: Sequence[Sequence[float]]) -> float | None:
    """Return the mean correlation between two trainings of the same networks; None where there is one."""
    from nas.search.ranking import correlation

    pairs = itertools.combinations(zip(*alone, strict=True), 2)
    taus = [correlation(first, second).tau for first, second in pairs]
    return statistics.fmean(taus) if taus else None
