"""How a supernet has to be trained so that it ranks: variants against the same networks trained alone.

    nas search --target host-cpu --space benchmarks/narrow.yaml --name narrow --finalists 1 --evaluations 12   # any run
    nas supernet eval runs/narrow --networks 24 --epochs 5   # trains networks alone, once
    python -m benchmarks.ranking runs/narrow --seeds 6       # supernets of each variant; goes on where it stopped
    python -m benchmarks.ranking runs/narrow --calibration   # how many images batch norms need

Kendall's tau of inherited scores with the mean over the seeds of the networks trained alone.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.switchable import SwitchableSupernet
from nas import runs, torch_compat
from nas.data import ImageData, load_data
from nas.data.batches import TrainingBatches
from nas.errors import NasError, UserError
from nas.model.supernet import Supernet
from nas.runs import read_json, write_atomic
from nas.search.config import SearchConfig, read_config
from nas.search.ranking import correlation
from nas.search.supernet_evaluator import CALIBRATION_IMAGES, SupernetEvaluator, load_supernet
from nas.search.supernets import stored_supernet
from nas.space.space import SearchSpace, load_space
from nas.training.distill import label_loss, soft_loss
from nas.training.loop import Step, fit
from nas.training.recipe import Recipe
from nas.training.supernet import RANDOM_SUBNETS, sandwich

torch_compat.prepare()

CALIBRATION = (64, 128, 192, 384, 768)


@dataclass(frozen=True)
class Case:
    """A run whose networks were trained alone.

    Attributes:
        path: the run.
        config: of it.
        space: its space, for the classes of the data.
        data: its data set.
        networks: as `nas supernet eval` left them.
    """

    path: Path
    config: SearchConfig
    space: SearchSpace
    data: ImageData
    networks: Sequence[Mapping[str, Any]]

    @property
    def recipe(self) -> Recipe:
        """How its supernet was trained."""
        return self.config.effort.supernet

    @classmethod
    def read(cls, path: Path) -> Case:
        """Read a run."""
        config = read_config(path / runs.CONFIG)
        space = load_space(config.space)
        data = load_data(config.data, resolution=max(space.resolutions), seed=config.seed, root=config.root)
        networks = evaluated(path)["networks"]
        return cls(path, config, space.for_classes(data.num_classes), data, networks)


def evaluated(run: Path) -> Mapping[str, Any]:
    """Return what `nas supernet eval` left in a run.

    Raises:
        UserError: if it was not run.
    """
    file = run / "supernet-eval.json"
    if not file.is_file():
        raise UserError(f"{file}: not found; first run: nas supernet eval {run}")
    found: Mapping[str, Any] = read_json(file)
    return found


Count = Callable[[float], int]  # how many subnets a step has, by the share of all steps that is done


def whole(_: float) -> int:
    """Have all subnets in every step."""
    return 2 + RANDOM_SUBNETS


def largest_first(done: float) -> int:
    """Have the largest alone at first, then the smallest beside it, then all.

    Progressive shrinking (Cai et al. 2020, arXiv 1908.09791) in its simplest form.
    """
    return 1 if done < 0.1 else 2 if done < 0.2 else whole(done)


@dataclass(frozen=True)
class Variant:
    """A way to train shared weights.

    Attributes:
        changes: what it changes in the recipe.
        count: how many subnets each step has.
        passes: how many times as many passes.
        project: whether what contradicts the largest subnet is taken out of the others' gradients.
        supernet: what holds the shared weights.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    count: Count = whole
    passes: int = 1
    project: bool = False
    supernet: type[Supernet] = Supernet


VARIANTS: Mapping[str, Variant] = {
    "moving average": Variant({"ema_decay": 0.99}),
    "alpha-divergence": Variant({"distill_divergence": "alpha"}),
    "largest first": Variant(count=largest_first),
    "no clipping": Variant({"grad_clip": None}),
    "default": Variant(),
    "labels alone": Variant({"distill_weight": 0.0}),
    "twice the passes": Variant(passes=2),
    "gradient projection": Variant(project=True),
    "switchable scales": Variant(supernet=SwitchableSupernet),
    "projection and scales": Variant(project=True, supernet=SwitchableSupernet),
}


def gradients(supernet: Supernet) -> dict[str, Tensor]:
    """Return a copy of the gradients that there are."""
    return {name: p.grad.clone() for name, p in supernet.named_parameters() if p.grad is not None}


def project(supernet: Supernet, largest: Mapping[str, Tensor]) -> None:
    """Take out of what was added to `largest` the part that contradicts it, weight by weight tensor.

    NASViT's projection (Gong et al. 2022, ICLR); for its switchable scales see `SwitchableSupernet`.
    """
    for name, parameter in supernet.named_parameters():
        if parameter.grad is None or name not in largest:
            continue
        own = largest[name]
        added = parameter.grad - own
        dot = (added * own).sum()
        if dot < 0:
            parameter.grad.copy_(own + added - dot / own.square().sum() * own)


def sandwich_step(supernet: Supernet, recipe: Recipe, variant: Variant, steps: int) -> Step:
    """Return the step of `nas.training.supernet` with a variant's losses and subnets."""

    def step(images: Tensor, labels: Tensor, number: int) -> Mapping[str, float]:
        rng = random.Random(f"{recipe.seed}:{number}")
        largest, *smaller = sandwich(supernet.space, rng)[: variant.count(number / steps)]
        logits = supernet(largest, images)
        loss = label_loss(logits, labels, smoothing=recipe.label_smoothing)
        loss.backward()
        before = gradients(supernet) if variant.project else {}
        for subnet in smaller:
            student = supernet(subnet, images)
            hard = label_loss(student, labels, smoothing=recipe.label_smoothing)
            soft = soft_loss(student, logits.detach(), recipe)
            ((1 - recipe.distill_weight) * hard + recipe.distill_weight * soft).backward()
        if variant.project:
            project(supernet, before)
        return {"loss": loss.item()}

    return step


def trained(case: Case, variant: Variant, seed: int) -> Supernet:
    """Train shared weights in a variant's way."""
    recipe = replace(case.recipe, **variant.changes)
    recipe = replace(recipe, epochs=recipe.epochs * variant.passes, seed=seed)
    supernet = variant.supernet(case.space, seed=seed).train()
    batches = TrainingBatches(case.data, batch_size=recipe.batch_size, seed=seed, mixup=recipe.mixup)
    steps = recipe.epochs * len(batches)
    fit(supernet, sandwich_step(supernet, recipe, variant, steps), batches, recipe)
    return supernet.eval()


def compare(case: Case, names: Sequence[str], seeds: Sequence[int]) -> str:
    """Train the variants that were not trained yet, and write a table in Markdown: means (standard deviations)."""
    lines = [
        "| variant | tau by accuracy | tau by loss | inherited, lowest / median / highest, % | processor s |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in names:
        found = [training(case, name, seed) for seed in seeds]
        seconds = statistics.fmean(f["seconds"] for f in found)
        lines.append(f"| {name} | {row(case, found)} | {seconds:.0f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def training(case: Case, name: str, seed: int) -> Mapping[str, Any]:
    """Return what `scores` gives of a variant's supernet, and its seconds; trained once for the same networks."""
    file = case.path / "ranking" / f"{name.replace(' ', '-')}-{seed}.json"
    digests = [network["digest"] for network in case.networks]
    if not file.is_file() or read_json(file).get("digests") != digests:
        start = time.process_time()
        supernet = trained(case, VARIANTS[name], seed)
        seconds = time.process_time() - start
        file.parent.mkdir(exist_ok=True)
        found = {"digests": digests, **scores(case, supernet), "seconds": seconds}
        write_atomic(file, json.dumps(found).encode())
    return read_json(file)


def scores(case: Case, supernet: Supernet, images: int = CALIBRATION_IMAGES) -> dict[str, list[float]]:
    """Return the inherited accuracies and losses of the case's networks, with batch norms taken from some images."""
    evaluator = SupernetEvaluator(supernet, case.data, calibration_images=images)
    found = [evaluator.score(network["architecture"]) for network in case.networks]
    return {"accuracies": [s.accuracy for s in found], "losses": [s.loss for s in found]}


def row(case: Case, found: Sequence[Mapping[str, Any]]) -> str:
    """Write the correlations with what was trained alone, and the range of accuracies, over several supernets."""
    alone = [statistics.fmean(n["alone"]) for n in case.networks]
    alone_loss = [statistics.fmean(n["alone_loss"]) for n in case.networks]
    by_accuracy = spread([correlation(f["accuracies"], alone).tau for f in found])
    by_loss = spread([correlation(f["losses"], alone_loss).tau for f in found])
    percent = [sorted(100 * a for a in f["accuracies"]) for f in found]
    lowest, median, highest = (statistics.fmean(of(p) for p in percent) for of in (min, statistics.median, max))
    return f"{by_accuracy} | {by_loss} | {lowest:.1f} / {median:.1f} / {highest:.1f}"


def spread(values: Sequence[float]) -> str:
    """Write a mean, with the standard deviation where there are several."""
    mean = f"{statistics.fmean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ({statistics.stdev(values):.2f})"


def calibration_table(case: Case) -> str:
    """Say how the ranking of the run's supernet depends on the images that batch norms are taken from."""
    weights = stored_supernet(
        case.space, case.data, case.recipe, runs_dir=case.path.parent, warm_start=case.config.warm_start, run=case.path
    )
    supernet = Supernet(case.space).eval()
    load_supernet(supernet, weights)
    most = scores(case, supernet, CALIBRATION[-1])
    lines = [
        f"| images | tau by accuracy | tau by loss | inherited, % | tau of losses with those of {CALIBRATION[-1]} "
        "images | processor ms |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for images in CALIBRATION:
        start = time.process_time()
        found = scores(case, supernet, images)
        ms = 1000 * (time.process_time() - start) / len(case.networks)
        agreement = correlation(found["losses"], most["losses"]).tau
        lines.append(f"| {images} | {row(case, [found])} | {agreement:.2f} | {ms:.0f} |")
    return "\n".join(lines)


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="supernets of each variant (default: 1)")
    parser.add_argument("--calibration", action="store_true", help="how many images batch norms need")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {options.seeds}")

    def table() -> str:
        case = Case.read(options.run)
        seeds = range(case.recipe.seed, case.recipe.seed + options.seeds)
        return calibration_table(case) if options.calibration else compare(case, options.variants, seeds)

    return printed(table)


def printed(table: Callable[[], str]) -> int:
    """Print a table that is made on one thread, or in one line why it cannot be; return the exit code."""
    torch.set_num_threads(1)
    try:
        print(table())
    except NasError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
