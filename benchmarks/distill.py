"""Does a teacher help? The winner of a run trained from random weights with and without one, seed by seed.

    python -m benchmarks.distill --run runs/NAME                      the teacher of nas compress against labels alone
    python -m benchmarks.distill --run runs/NAME --images 200 --settings none largest resnet10t:4:0.9:0

A setting is `TEACHER[:TEMPERATURE[:WEIGHT[:FEATURE_WEIGHT]]]`, and what is left out is as in `nas compress`; teachers
are ``default`` (what `nas compress` takes without ``--teacher``: the better one of largest subnet and winner),
``largest`` and the timm models of `benchmarks.compress`, trained on all of the digits. With one seed all settings have
the same first weights, images and epochs. Results are kept in ``runs/benchmark-compress/distill.json`` and not made
twice.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from benchmarks.compress import FOLDER, teacher_of
from nas import torch_compat
from nas.compress.subject import Subject, find_teacher, from_run
from nas.compress.tuning import FEATURE_WEIGHT, TEMPERATURE, Tuning, tune
from nas.data import ImageData
from nas.data.batches import EvaluationBatches
from nas.data.seeding import isolated_rng
from nas.model.network import build
from nas.runs import write_atomic
from nas.search.watch import Silent
from nas.space.architecture import Architecture, load_architecture
from nas.training.recipe import default_recipe
from nas.training.train import evaluate

RESULTS = FOLDER / "distill.json"
NONE, DEFAULT = "none", "default"


@dataclass(frozen=True)
class Setting:
    """Who teaches, and how much that counts."""

    teacher: str
    temperature: float = TEMPERATURE
    weight: float = 0.5
    feature_weight: float = FEATURE_WEIGHT

    @classmethod
    def read(cls, text: str) -> Setting:
        """Read `TEACHER[:TEMPERATURE[:WEIGHT[:FEATURE_WEIGHT]]]`."""
        teacher, *numbers = text.split(":")
        return cls(teacher, *map(float, numbers))

    def __str__(self) -> str:
        if self.teacher == NONE:
            return NONE
        return f"{self.teacher}:{self.temperature:g}:{self.weight:g}:{self.feature_weight:g}"


def main() -> None:
    """Train what is not trained yet and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a finished run on the digits")
    parser.add_argument("--settings", nargs="+", default=[NONE, DEFAULT])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--images", type=int, help="train on so few (default: all)")
    given = parser.parse_args()
    torch_compat.prepare()
    subject = from_run(given.run, None)
    architecture = load_architecture(given.run / "winner" / "architecture.json")
    data = fewer(subject.data, given.images)
    print(f"{architecture.digest}, {len(data.train)} images, {given.epochs} epochs, seeds {given.seeds}\n")
    print("| setting | search accuracy %, mean (each) | test accuracy %, mean (spread) |\n|---|---|---|")
    for setting in map(Setting.read, given.settings):
        found = [accuracies(setting, subject, architecture, data, given.epochs, seed) for seed in given.seeds]
        search, test = ([100 * pair[i] for pair in found] for i in (0, 1))
        each = ", ".join(f"{a:.1f}" for a in search)
        spread = statistics.stdev(test) if len(test) > 1 else 0.0
        print(
            f"| {setting} | {statistics.mean(search):.2f} ({each}) | {statistics.mean(test):.2f} ({spread:.2f}) |",
            flush=True,
        )


def accuracies(
    setting: Setting, subject: Subject, architecture: Architecture, data: ImageData, epochs: int, seed: int
) -> tuple[float, float]:
    """Return search and test accuracy of one training, remembered or made now."""
    known = remembered()
    key = f"{architecture.digest} {setting} {len(data.train)} {epochs} {seed}"
    if key not in known:
        network = trained(setting, subject, architecture, data, epochs, seed)
        found = [evaluate(network, EvaluationBatches(subject.data, split)) for split in ("search", "test")]
        write_atomic(RESULTS, json.dumps({**remembered(), key: found}, indent=1).encode())
        return found[0], found[1]
    search, test = known[key]
    return search, test


def remembered() -> dict[str, list[float]]:
    """Return the results that are there."""
    found: dict[str, list[float]] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    return found


def trained(
    setting: Setting, subject: Subject, architecture: Architecture, data: ImageData, epochs: int, seed: int
) -> nn.Module:
    """Train a network of the architecture from random weights."""
    network = build(architecture, seed=seed)
    recipe = dataclasses.replace(
        default_recipe(data, seed=seed), distill_temperature=setting.temperature, distill_weight=setting.weight
    )
    teacher = None
    if setting.teacher != NONE:
        named = None if setting.teacher == DEFAULT else teacher_of(setting.teacher)
        teacher, _ = find_teacher(named, subject, seed)
        teacher = teacher.requires_grad_(False).eval()
    with isolated_rng(seed):
        tune(
            network,
            Tuning(data, recipe, epochs, Silent()),
            stage=str(setting),
            teacher=teacher,
            feature_weight=0.0 if teacher is None else setting.feature_weight,
        )
    return network


def fewer(data: ImageData, images: int | None) -> ImageData:
    """Return the data with its first training images only, which are in random order."""
    return data if images is None else dataclasses.replace(data, train=data.train.take(np.arange(images)))


if __name__ == "__main__":
    main()
