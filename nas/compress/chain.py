"""A chain of steps from beginning to end: each trained, scored on the search split, exported, checked and timed.

After every step its weights and figures are on disk; a chain that was killed goes on after its last finished step, and
inside a training after the last finished epoch. The test split is read once, when all is done.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nas import schema
from nas.compress import int8, measure, program, prune
from nas.compress.apply import Made, Work, apply
from nas.compress.exported import export_checked
from nas.compress.measure import Row
from nas.compress.steps import Step
from nas.compress.store import load_network, save_network
from nas.compress.subject import Subject, find_teacher
from nas.compress.tuning import Tuning, calibration_images, tune
from nas.cost.trace import trace_module
from nas.data.batches import EvaluationBatches
from nas.data.seeding import isolated_rng
from nas.errors import UserError
from nas.hardware.profile import HardwareProfile, load_profile
from nas.model.folding import folded
from nas.model.network import count_params
from nas.runs import RunDirectory
from nas.search.watch import Watch
from nas.training.recipe import default_recipe
from nas.training.train import evaluate

TABLE = "table.json"
MODEL, PROGRAM, WEIGHTS = "model.onnx", "model.pt2", "model.safetensors"
BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a subject is to be compressed.

    Attributes:
        steps: in order.
        epochs: of each step that trains; None takes half the recipe's.
        teacher: for ``distill``; None takes the run's largest subnet, else the network itself.
        seed: decides every training.
    """

    steps: tuple[Step, ...]
    epochs: int | None = None
    teacher: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a chain left behind.

    Attributes:
        folder: its files.
        target: the target's name.
        precision: that the target's profile describes.
        rows: the network before the chain, and after each step.
        test_accuracy: of the first and the last row, on the test split.
        test_images: how many that split holds.
        search_images: how many the search split holds, which every row was scored on.
    """

    folder: Path
    target: str
    precision: str
    rows: tuple[Row, ...]
    test_accuracy: tuple[float, float]
    test_images: int
    search_images: int


def compress(subject: Subject, wishes: Wishes, folder: Path, watch: Watch) -> Outcome:
    """Run a chain, or the rest of one, in `folder`.

    Raises:
        UserError: if the folder holds another chain, a library is missing, or the teacher does not exist.
        NasError: if the network does not allow a step, or a file does not compute what the network computes.
    """
    for step in wishes.steps:
        if step.name == "prune":
            prune.torch_pruning()
        if step.name.startswith("int8"):
            int8.require()
    if wishes.teacher is not None and not any(step.name == "distill" for step in wishes.steps):
        raise UserError("--teacher: none of the steps is distill, which would learn from it")
    profile = load_profile(subject.target)
    with RunDirectory.create(folder.parent, folder.name, resume=True) as directory:
        return _Chain(subject, wishes, profile, directory, watch).run()


class _Chain:
    """The state of one call of `compress`."""

    def __init__(
        self, subject: Subject, wishes: Wishes, profile: HardwareProfile, directory: RunDirectory, watch: Watch
    ) -> None:
        self._subject, self._wishes, self._profile = subject, wishes, profile
        self._directory, self._watch = directory, watch
        self._recipe = default_recipe(subject.data, seed=wishes.seed)
        self._side = subject.data.resolution
        self._names = [BEFORE, *map(str, wishes.steps)]
        self._document = self._begun()
        self._rows = [schema.read(Row, row, source=TABLE) for row in self._document["rows"]]

    def run(self) -> Outcome:
        """Do every step that is not done."""
        if "test_accuracy" in self._document:
            self._watch.say(f"{self._directory.path} is finished already")
        else:
            teacher = self._teacher()
            if not self._rows:
                self._first()
            for number in range(len(self._rows), len(self._names)):
                self._step(number, self._wishes.steps[number - 1], teacher)
            self._finish()
        before, after = self._document["test_accuracy"]
        return Outcome(
            folder=self._directory.path,
            target=self._profile.name,
            precision=self._profile.precision,
            rows=tuple(self._rows),
            test_accuracy=(before, after),
            test_images=len(self._subject.data.test),
            search_images=len(self._subject.data.search),
        )

    def _first(self) -> None:
        start = time.perf_counter()
        network, details = self._subject.network, ""
        if not self._subject.trained:
            details = "trained on the data first"
            self._train_first(network, "training", "training")
        self._record(0, Made(network, details), start)
        self._state("training").unlink(missing_ok=True)

    def _step(self, number: int, step: Step, teacher: Callable[[], nn.Module] | None) -> None:
        start = time.perf_counter()
        trained = [i for i, s in enumerate(self._wishes.steps[: number - 1], 1) if s.name in ("train", "distill")]
        work = Work(
            network=self._load(number - 1),
            reference=self._load(trained[-1] if trained else 0).requires_grad_(False),
            teacher=teacher,
            tuning=self._tuning(self._file(number, ".state")),
            channel_multiple=self._profile.limits.channel_multiple,
        )
        with isolated_rng(self._wishes.seed):
            made = apply(work, step)
        self._record(number, made, start)

    def _record(self, number: int, made: Made, start: float) -> None:
        """Score, export and time what a step made, and write it all down."""
        images = calibration_images(self._subject.data)
        network = folded(made.network)
        trace = trace_module(network, (3, self._side, self._side))
        onnx = self._file(number, ".onnx")
        export_checked(made.runs, onnx, self._subject.data, int8=made.graph is not None, macs=trace.macs)
        if made.graph is not None:
            program.save(made.graph, self._file(number, ".pt2"), images)
        computed = made.weights_bytes
        self._rows.append(
            Row(
                step=self._names[number],
                search_accuracy=evaluate(made.runs, EvaluationBatches(self._subject.data, "search")),
                weights_bytes=measure.weights_bytes(onnx) if computed is None else computed,
                computed=computed is not None,
                file_bytes=onnx.stat().st_size,
                macs=trace.macs,
                params=count_params(network),
                predicted_ms=measure.predicted_ms(network, self._side, self._profile, int8=made.graph is not None),
                measured_ms=0.0,
                details=made.details,
                seconds=round(time.perf_counter() - start, 2),
            )
        )
        self._time()
        save_network(made.network, self._file(number, ".safetensors"))
        self._write()
        self._file(number, ".state").unlink(missing_ok=True)
        self._watch.say(_sentence(self._rows))

    def _time(self) -> None:
        """Time all files anew, in turn: figures of one moment can be compared."""
        files = [self._file(number, ".onnx") for number in range(len(self._rows))]
        found = measure.time_together(files, self._side)
        self._rows = [dataclasses.replace(r, measured_ms=t) for r, t in zip(self._rows, found, strict=True)]

    def _finish(self) -> None:
        last = len(self._rows) - 1
        test = EvaluationBatches(self._subject.data, "test")
        graph = self._file(last, ".pt2")
        final = program.load(graph) if graph.is_file() else self._load(last)
        if not graph.is_file():
            program.save(folded(final), self._directory.file(PROGRAM), calibration_images(self._subject.data))
        accuracies = [evaluate(network, test) for network in (self._load(0), final)]
        for suffix, name in ((".onnx", MODEL), (".pt2", PROGRAM), (".safetensors", WEIGHTS)):
            if (made := self._file(last, suffix)).is_file():
                self._directory.file(name).write_bytes(made.read_bytes())
        self._document |= {"test_accuracy": accuracies, "test_images": len(self._subject.data.test)}
        self._write()

    # Files

    def _begun(self) -> dict[str, Any]:
        """Return what an earlier call wrote, or the beginning of a new table."""
        subject, wishes = self._subject, self._wishes
        chain = {
            "subject": subject.name,
            "weights": subject.digest,
            "data": [subject.data.name, subject.data.digest, self._side],
            "target": subject.target,
            "steps": self._names[1:],
            "epochs": wishes.epochs,
            "teacher": wishes.teacher,
            "seed": wishes.seed,
        }
        new: dict[str, Any] = {"chain": chain, "target_precision": self._profile.precision, "rows": []}
        if not self._directory.file(TABLE).is_file():
            return new
        found: dict[str, Any] = self._directory.read_json(TABLE)
        differing = [key for key, value in chain.items() if found.get("chain", {}).get(key) != value]
        if differing:
            raise UserError(
                f"{self._directory.path}: holds another chain (other {', '.join(differing)}); "
                "choose another folder with --out, or delete it"
            )
        return found

    def _write(self) -> None:
        self._document["rows"] = [schema.to_dict(row) for row in self._rows]
        self._directory.write_json(TABLE, self._document)

    def _file(self, number: int, suffix: str) -> Path:
        name = self._names[number].replace(":", "-")
        return self._directory.file("steps") / f"{number:02d}-{name}{suffix}"

    def _state(self, stem: str) -> Path:
        return self._directory.file("steps") / f"{stem}.state"

    def _load(self, number: int) -> nn.Module:
        return load_network(self._file(number, ".safetensors"), self._subject.build)

    # Training

    def _tuning(self, checkpoint: Path, *, whole: bool = False) -> Tuning:
        usual = self._recipe.epochs if whole else max(1, self._recipe.epochs // 2)
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        epochs = self._wishes.epochs or usual
        return Tuning(self._subject.data, self._recipe, epochs, self._watch, checkpoint)

    def _train_first(self, network: nn.Module, stage: str, stem: str) -> None:
        """Train a network that no file gives weights for."""
        tune(network, self._tuning(self._state(stem), whole=True), stage=stage)

    def _teacher(self) -> Callable[[], nn.Module] | None:
        """Find the teacher now, so that a wrong name fails before any work; return what gives it when it is needed."""
        if not any(step.name == "distill" for step in self._wishes.steps):
            return None
        network, trained = find_teacher(self._wishes.teacher, self._subject, self._wishes.seed)

        def give() -> nn.Module:
            file = self._directory.file("steps") / "teacher.safetensors"
            if trained:
                return network
            if file.is_file():
                return load_network(file, lambda: network)
            self._train_first(network, "teacher", "teacher")
            save_network(network, file)
            self._state("teacher").unlink(missing_ok=True)
            return network

        return give


def _sentence(rows: Sequence[Row]) -> str:
    """Say what the last step changed."""
    after, before = rows[-1], rows[max(0, len(rows) - 2)]
    return (
        f"{after.step:<14} accuracy {100 * before.search_accuracy:.1f} -> {100 * after.search_accuracy:.1f} %, "
        f"weights {before.weights_bytes:,} -> {after.weights_bytes:,} bytes, "
        f"MACs {before.macs:,} -> {after.macs:,}, measured {before.measured_ms:.3f} -> {after.measured_ms:.3f} ms"
    )
