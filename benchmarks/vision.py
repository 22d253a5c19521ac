"""CIFAR-10 (JPEG): the winner of a search against published designs at equal measured latency.

    python -m benchmarks.vision --searches train --minutes 10   # each call goes on where the last stopped
    python -m benchmarks.vision --searches train --table        # what is there, and --picture

Everybody is built anew and trained by one recipe on the same images; nobody inherits weights or has a teacher. Known
designs are as wide as the latency allows. Latencies are measured in ONNX Runtime with one thread; the searches only see
predictions. What they found is then held to the measured latency of the known designs.

Third-party data, found through ``NAS_BENCH_DATA``: ``cifar10_jpeg_pack.npz``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas import torch_compat
from nas.data import ImageData, load_data
from nas.errors import UserError
from nas.runs import RunDirectory, read_json, read_records, write_atomic
from nas.space.architecture import Architecture
from nas.training.recipe import Recipe

if TYPE_CHECKING:
    from nas.search.evaluate import EvaluatorSpec
    from nas.space.space import SearchSpace

torch_compat.prepare()

VARIABLE = "NAS_BENCH_DATA"
PACK = "cifar10_jpeg_pack.npz"
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TARGET, SPACE = "host-cpu", "tiny-hybrid"
COMPACT = ("efficientnetv2-medium",)  # a seed of the space: such a design in fewer, wider blocks
MEASURED = 8  # of the best-scored candidates, whose latency is measured before some are trained
QUICK = 0.7  # of the latency: where a network 30 % quicker is looked for
CHOSEN, CHOSEN_QUICK = 2, 1  # how many of each search are trained
SEARCHES = ("supernet", "train")  # by inherited accuracy, and by that after a pass alone
SLACK = 1.02  # of the latency: what a measurement may be off
ROUNDS, SECONDS = 3, 0.2


@dataclass(frozen=True)
class Plan:
    """What the benchmark does.

    Attributes:
        folder: where everything is kept.
        images: of the training split; the search split has half as many, the test split twice as many.
        epochs: of the supernet and of every network.
        latency_ms: what the search may predict.
        evaluations: candidates that the search by the supernet scores.
        short: candidates that the search by short trainings scores.
        seeds: trainings of the winners and of their best rivals.
        searches: which of `SEARCHES` are made.
    """

    folder: Path
    images: int = 4_000
    epochs: int = 5
    latency_ms: float = 0.22
    evaluations: int = 60
    short: int = 24
    seeds: int = 2
    searches: tuple[str, ...] = SEARCHES

    @property
    def data(self) -> ImageData:
        """The images."""
        return load_data(str((self.folder / "cifar10.npz").absolute()), resolution=32)

    def recipe(self, seed: int) -> Recipe:
        """Return how every network is trained."""
        return Recipe(epochs=self.epochs, batch_size=32, lr=2e-3, seed=seed)


def steps(plan: Plan) -> Iterator[str]:
    """Do one piece of work after another, each kept on disk; yield what it was."""
    if not (plan.folder / "cifar10.npz").is_file():
        write_images(plan)
        yield "images"
    if not (plan.folder / "known.json").is_file():
        choose_widths(plan)
        yield "widths"
    for name, document in read_json(plan.folder / "known.json").items():
        yield from train_once(plan, name, document["architecture"], 0)
    for way in plan.searches:
        yield from search_steps(plan, way)
    best = contenders(plan)
    for seed in range(1, plan.seeds):
        for name, entry in best.items():
            yield from train_once(plan, name, entry["architecture"], seed)
    if not (plan.folder / "latency.json").is_file():
        networks = {**read_json(plan.folder / "known.json"), **chosen(plan)}
        measured = measure({name: Architecture.from_dict(d["architecture"]) for name, d in networks.items()})
        write(plan.folder / "latency.json", measured)
        yield "latencies"


def search_steps(plan: Plan, way: str) -> Iterator[str]:
    """Search, choose whom to train, and train them."""
    if not (plan.folder / f"seconds-{way}.json").is_file():
        search(plan, way)
        yield f"search, {way}"
    if not (plan.folder / f"chosen-{way}.json").is_file():
        choose(plan, way)
        yield f"choice, {way}"
    for name, document in read_json(plan.folder / f"chosen-{way}.json").items():
        yield from train_once(plan, name, document["architecture"], 0)


def write_images(plan: Plan) -> None:
    """Decode the first images of the pack into an archive that `nas search --data` takes as well."""
    source = Path(os.environ.get(VARIABLE, "")) / PACK
    if not source.is_file():
        raise UserError(f"{source}: not found; {VARIABLE} names the folder of the measured data")
    pack = np.load(source)
    searched = plan.images // 2
    held = {"train": plan.images + searched, "test": min(2 * plan.images, 10_000)}
    x = {split: _decoded(pack[f"{split}_jpeg"], pack[f"{split}_off"], count) for split, count in held.items()}
    y = {split: pack[f"y_{split}"][:count].astype(np.int64) for split, count in held.items()}
    arrays = {
        "x_train": x["train"][: plan.images],
        "y_train": y["train"][: plan.images],
        "x_val": x["train"][plan.images :],
        "y_val": y["train"][plan.images :],
        "x_test": x["test"],
        "y_test": y["test"],
        "class_names": np.array(CLASS_NAMES),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(plan.folder / "cifar10.npz", buffer.getvalue())


def choose_widths(plan: Plan) -> None:
    """Give each known design the width whose measured latency is nearest to what the limit means on this machine."""
    from benchmarks.cifar_designs import DESIGNS, WIDTHS
    from nas.search.target import load_target
    from nas.space.space import load_space

    target = load_target(TARGET)
    seeds = dict(load_space(SPACE).for_classes(len(CLASS_NAMES)).seeds())
    seen = measure(seeds)
    slowdown = statistics.median(ms / target.metrics(seeds[name]).latency_ms for name, ms in seen.items())
    wanted_ms = plan.latency_ms * slowdown
    known: dict[str, Any] = {name: _known(seeds[name], 1.0, seen[name]) for name in COMPACT}
    for name, make in DESIGNS.items():
        widths = {make(width).digest: width for width in reversed(WIDTHS)}
        near = sorted(widths.values(), key=lambda w: abs(target.metrics(make(w)).latency_ms / plan.latency_ms - 1))
        tried = measure({f"{width}": make(width) for width in near[:5]})
        width = min(tried, key=lambda w: abs(tried[w] / wanted_ms - 1))
        known[name] = _known(make(float(width)), float(width), tried[width])
    write(plan.folder / "machine.json", {"slowdown": slowdown, "latency_ms": wanted_ms})
    write(plan.folder / "known.json", known)


def search(plan: Plan, way: str) -> None:
    """Score candidates by one supernet, or by a pass of training alone each; there accuracy is the only goal."""
    from nas.search.inline import InlineExecutor
    from nas.search.objective import Constraints
    from nas.search.study import Study
    from nas.search.target import load_target, search_field
    from nas.space.space import load_space

    target, data = load_target(TARGET), plan.data
    where = search_field(load_space(SPACE).for_classes(data.num_classes), target)
    start = time.process_time()
    spec = inheriting(plan, where.full) if way == "supernet" else training_alone(plan)
    ready = time.process_time()
    with RunDirectory.create(plan.folder, f"search-{way}", resume=True) as run:
        study = Study(
            where.restriction.space,
            Constraints(latency_ms=plan.latency_ms),
            target.metrics,
            run_dir=run,
            seeds=where.seeds,
            macs_count=way == "supernet",
        )
        wanted = plan.evaluations if way == "supernet" else plan.short
        outcome = InlineExecutor().run(study, spec, wanted, lambda _: None, lambda: False)
    if outcome == "stopped":
        raise KeyboardInterrupt
    seconds = {"supernet": ready - start, "search": time.process_time() - ready}
    write(plan.folder / f"seconds-{way}.json", seconds)


def inheriting(plan: Plan, full: SearchSpace) -> EvaluatorSpec:
    """Train a supernet, and return how candidates are scored by it."""
    import torch

    from nas.search.supernet_evaluator import SupernetSpec
    from nas.search.supernets import trained_supernet
    from nas.search.watch import Silent

    recipe = Recipe(epochs=plan.epochs, batch_size=64, lr=1e-2)
    _, weights = trained_supernet(
        full, plan.data, recipe, runs_dir=plan.folder, watch=Silent(), device=torch.device("cpu")
    )
    return SupernetSpec(full, weights, str((plan.folder / "cifar10.npz").absolute()), None, 0)


def training_alone(plan: Plan) -> EvaluatorSpec:
    """Return how candidates are scored by a pass of training alone."""
    from nas.search.evaluators.train import TrainSpec

    recipe = replace(plan.recipe(0), epochs=1)
    return TrainSpec(str((plan.folder / "cifar10.npz").absolute()), None, 0, 32, recipe, (), "cpu")


def choose(plan: Plan, way: str) -> None:
    """Keep a few of the best-scored candidates that are as quick as the known designs, and a few 30 % quicker.

    Known designs and candidates are measured together, taking turns: what else the machine does slows all alike.
    """
    records = [r for r in read_records(plan.folder / f"search-{way}" / "candidates.jsonl") if r["state"] == "complete"]
    searched = sorted((r for r in records if r["source"] == "sampler"), key=lambda r: -r["metrics"]["accuracy"])
    aims = (("", 1.0, CHOSEN), ("-quick", QUICK, CHOSEN_QUICK))
    near = {
        share: [r for r in searched if r["metrics"]["latency_ms"] <= share * plan.latency_ms] for _, share, _ in aims
    }
    near = {share: best[:MEASURED] for share, best in near.items()}
    known = {name: entry["architecture"] for name, entry in read_json(plan.folder / "known.json").items()}
    tried = known | {r["digest"]: r["architecture"] for best in near.values() for r in best}
    seen = measure({name: Architecture.from_dict(document) for name, document in tried.items()})
    wanted_ms = statistics.median(seen[name] for name in known if name not in COMPACT)
    found: dict[str, Any] = {}
    taken: set[str] = set()
    for suffix, share, count in aims:
        kept = [r for r in near[share] if seen[r["digest"]] <= SLACK * share * wanted_ms and r["digest"] not in taken]
        for i, record in enumerate(kept[:count], start=1):
            taken.add(record["digest"])
            found[f"{way}-{i}{suffix}"] = {
                "architecture": record["architecture"],
                "scored": record["metrics"]["accuracy"],
                "measured_ms": seen[record["digest"]],
            }
    write(plan.folder / f"chosen-{way}.json", found)


def chosen(plan: Plan) -> dict[str, Any]:
    """Return what the searches chose so far."""
    files = (plan.folder / f"chosen-{way}.json" for way in plan.searches)
    return {name: entry for file in files if file.is_file() for name, entry in read_json(file).items()}


def train_once(plan: Plan, name: str, document: Mapping[str, Any], seed: int) -> Iterator[str]:
    """Train a network from random weights and keep its accuracies; nothing if that was done."""
    from nas.data.batches import EvaluationBatches
    from nas.model.network import build
    from nas.training.train import evaluate, train

    file = plan.folder / "trained" / f"{name}-{seed}.json"
    if file.is_file():
        return
    file.parent.mkdir(exist_ok=True)
    start, data = time.process_time(), plan.data
    network = build(Architecture.from_dict(dict(document)), seed=seed)
    train(network, data, plan.recipe(seed), checkpoint=file.with_suffix(".state"))
    found = {split: evaluate(network, EvaluationBatches(data, split)) for split in ("search", "test")}
    write(file, {**found, "seconds": time.process_time() - start})
    file.with_suffix(".state").unlink()
    yield f"{name}, seed {seed}"


def contenders(plan: Plan) -> dict[str, Any]:
    """Return the best searched network, the best quick one, and the best known designs, by the search split."""
    known, searched = read_json(plan.folder / "known.json"), chosen(plan)
    groups = (
        {name: entry for name, entry in searched.items() if not name.endswith("quick")},
        {name: entry for name, entry in searched.items() if name.endswith("quick")},
        {name: entry for name, entry in known.items() if name not in COMPACT},
        {name: entry for name, entry in known.items() if name in COMPACT},
    )
    scores = {name: read_json(plan.folder / "trained" / f"{name}-0.json")["search"] for name in (*known, *searched)}
    best = [max(group, key=lambda name: scores[name]) for group in groups if group]
    return {name: (known | searched)[name] for name in best}


def measure(architectures: Mapping[str, Architecture]) -> dict[str, float]:
    """Return measured latencies in ms by name: the median over rounds in which all take turns."""
    from nas.hardware.measure.convert import to_onnx
    from nas.hardware.measure.onnxruntime import OnnxRuntime
    from nas.model.network import build

    engine = OnnxRuntime()
    times: dict[str, list[float]] = {name: [] for name in architectures}
    shapes = {name: (3, a.resolution, a.resolution) for name, a in architectures.items()}
    models = {name: to_onnx(build(a, seed=0).eval(), shapes[name]) for name, a in architectures.items()}
    for _ in range(ROUNDS):
        for name, model in models.items():
            times[name].append(engine.measure_onnx(model, shapes[name], seconds=SECONDS).latency_ms)
    return {name: statistics.median(ms) for name, ms in times.items()}


def write(path: Path, document: object) -> None:
    """Write JSON, whole or not at all."""
    write_atomic(path, (json.dumps(document, indent=1) + "\n").encode())


def _decoded(jpeg: Any, offsets: Any, count: int) -> Any:
    from PIL import Image

    files = (io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes()) for i in range(count))
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def _known(architecture: Architecture, width: float, measured_ms: float) -> dict[str, Any]:
    return {"architecture": architecture.to_dict(), "width": width, "measured_ms": measured_ms}


def rows(plan: Plan) -> list[dict[str, Any]]:
    """Return what is known of every network that was trained, the quickest first."""
    latencies = read_json(plan.folder / "latency.json") if (plan.folder / "latency.json").is_file() else {}
    found = []
    known = read_json(plan.folder / "known.json")
    for entries in (known, chosen(plan)):
        for name, entry in entries.items():
            trained = [read_json(p) for p in sorted((plan.folder / "trained").glob(f"{name}-[0-9].json"))]
            if trained:
                found.append(
                    {
                        "name": name,
                        "searched": name not in known,
                        "published": name in known and name not in COMPACT,
                        "width": entry.get("width"),
                        "architecture": Architecture.from_dict(entry["architecture"]),
                        "latency_ms": latencies.get(name, entry["measured_ms"]),
                        "test": [100 * t["test"] for t in trained],
                        "search": 100 * trained[0]["search"],
                    }
                )
    return sorted(found, key=lambda row: row["latency_ms"])


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows in Markdown."""
    from nas.cost.cost import CostModel

    costs = CostModel()
    lines = [
        "| network | width | measured ms | MACs | parameters | test accuracy, % | trainings |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found:
        cost = costs.cost(row["architecture"])
        test = row["test"]
        spread = f" ({statistics.stdev(test):.1f})" if len(test) > 1 else ""
        lines.append(
            f"| {row['name']} | {row['width'] or '-'} | {row['latency_ms']:.3f} | {cost.macs / 1e6:.1f} M | "
            f"{cost.params / 1e3:.0f} k | {statistics.mean(test):.1f}{spread} | {len(test)} |"
        )
    return "\n".join(lines)


def verdict(found: Sequence[Mapping[str, Any]]) -> str:
    """Say by how much the best searched networks lead the best published design, each best by the search split."""
    published = max((row for row in found if row["published"]), key=lambda row: row["search"])
    lines = []
    for quick in (False, True):
        searched = [row for row in found if row["searched"] and row["name"].endswith("quick") == quick]
        for best in sorted(searched, key=lambda row: -row["search"])[:1]:
            lead = statistics.mean(best["test"]) - statistics.mean(published["test"])
            share = best["latency_ms"] / published["latency_ms"]
            lines.append(f"{best['name']}: {lead:+.1f} points on {published['name']} at {share:.2f} of its latency")
    return "\n".join(lines)


def picture(found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw accuracy over latency."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    placed: list[tuple[float, float]] = []
    for row in sorted(found, key=lambda row: -statistics.mean(row["test"])):
        colour, mark = ("#d95f02", "*") if row["searched"] else ("#4a6785", "o")
        y = statistics.mean(row["test"])
        axes.plot(row["latency_ms"], y, mark, color=colour, markersize=13 if row["searched"] else 7)
        axes.vlines(row["latency_ms"], min(row["test"]), max(row["test"]), color=colour)
        near = [(x, z) for x, z in placed if abs(x - row["latency_ms"]) < 0.03 and abs(z - y) < 2]
        placed.append((row["latency_ms"], y))
        offset = (7, -12) if near else (7, 6)
        axes.annotate(row["name"], (row["latency_ms"], y), xytext=offset, textcoords="offset points", fontsize=9)
    axes.set_xlabel("measured latency, ms (ONNX Runtime, one thread)")
    axes.set_ylabel("test accuracy, %")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.14)
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Go on with the benchmark, or print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/vision"), metavar="DIR")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after the piece of work at hand")
    parser.add_argument("--images", type=int, default=Plan.images)
    parser.add_argument("--epochs", type=int, default=Plan.epochs)
    parser.add_argument("--evaluations", type=int, default=Plan.evaluations)
    parser.add_argument("--short", type=int, default=Plan.short)
    parser.add_argument("--latency-ms", type=float, default=Plan.latency_ms)
    parser.add_argument("--seeds", type=int, default=Plan.seeds)
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=SEARCHES)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    numbers = options.images, options.epochs, options.latency_ms, options.evaluations, options.short, options.seeds
    plan = Plan(options.out, *numbers, tuple(options.searches))
    plan.folder.mkdir(parents=True, exist_ok=True)
    if options.table or options.picture:
        print(table(rows(plan)))
        print(verdict(rows(plan)))
        if options.picture:
            picture(rows(plan), options.picture)
        return 0
    try:
        return go_on(plan, options.minutes)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def go_on(plan: Plan, minutes: float) -> int:
    """Work for so long; return 3 if something is left."""
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    for done in steps(plan):
        print(f"{(time.perf_counter() - start) / 60:.1f} min: {done}", flush=True)
        if time.perf_counter() - start > 60 * minutes:
            return 3
    print(table(rows(plan)))
    print(verdict(rows(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
