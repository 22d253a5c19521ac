"""The search as a Python call: the flags of ``nas search`` as arguments, and what it found as an object.

    from nas import SearchSpace, Target, search

    result = search("jetson-orin", data="./photos", latency_ms=20)
    network = result.network()

Nothing is kept between two calls but the run on disk. A Ray that the caller has started is used and left running;
signal handlers are only set in the main thread, and put back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, schema
from nas.errors import UserError
from nas.search.defaults import Wishes
from nas.search.evaluators import DEFAULT as SUPERNET
from nas.search.target import Target, load_target
from nas.search.watch import Silent, Watch
from nas.space.space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from nas.jobs.search import Outcome
    from nas.space.architecture import Architecture

GIVEN = ".given"  # spaces and targets that were made in Python, beside the runs that use them

PathText = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that a search found.

    Attributes:
        name: ``winner``, a known design's name, or which candidate it is.
        architecture: what it is.
        latency_ms: the estimate for the target.
        search_accuracy: in [0, 1], on the split that the search compares on: what the evaluator gave, unless trained.
        test_accuracy: in [0, 1], on the test split; None if it was not trained to its end.
    """

    name: str
    architecture: Architecture
    macs: int
    params: int
    latency_ms: float
    peak_memory_bytes: int
    search_accuracy: float
    test_accuracy: float | None


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        path: the run directory.
        document: the content of its ``result.json``.
        report: its page.
    """

    path: Path
    document: Mapping[str, Any]
    report: Path

    @property
    def winner(self) -> Network:
        """The network that the rule chose."""
        return _network(self.document["winner"])

    @property
    def front(self) -> tuple[Network, ...]:
        """The networks that none beats in both accuracy and MACs, from the cheapest on."""
        return tuple(_network(entry) for entry in self.document["front"])

    @property
    def baselines(self) -> tuple[Network, ...]:
        """The known designs that were trained beside the finalists."""
        return tuple(_network(entry) for entry in self.document["baselines"])

    @property
    def verdict(self) -> str:
        """Whether the winner is better than the best known design, in words."""
        found = self.document["verdict"]
        return str(found["text"] if isinstance(found, Mapping) else found)  # earlier runs have the words alone

    @property
    def exported(self) -> tuple[Path, ...]:
        """The exported files, each checked against PyTorch."""
        return tuple(self.path / "export" / Path(v["file"]).name for v in self.document["verification"])

    def network(self) -> nn.Module:
        """Load the winner with its weights, in eval mode on the CPU."""
        from nas.artefacts import load_winner

        return load_winner(self.path / "winner")[1]


def search(
    target: str | PathLike[str] | Target,
    *,
    data: PathText = "digits",
    data_root: PathText | None = None,
    space: str | PathLike[str] | SearchSpace | None = None,
    blocks: PathText | None = None,
    latency_ms: float | None = None,
    macs: int | None = None,
    params: int | None = None,
    peak_memory_bytes: int | None = None,
    margin: float = 0.0,
    sampler: str | None = None,
    evaluator: str = SUPERNET,
    time_budget_s: float | None = None,
    evaluations: int | None = None,
    finalists: int | None = None,
    supernet_epochs: int | None = None,
    supernet_divergence: str | None = None,
    candidate_epochs: int | None = None,
    finalist_epochs: int | None = None,
    final_seeds: int | None = None,
    precision: str | None = None,
    warm_start: str | None = None,
    select: str = "accuracy_per_mac",
    accuracy_slack: float = 1.0,
    measure_finalists: bool = False,
    measure_host: bool = False,
    via: str | None = None,
    tool: str | None = None,
    seed: int = 0,
    smoke: bool = False,
    ray_address: str = "local",
    workers: int | None = None,
    cpus_per_trial: int = 1,
    gpus_per_trial: float = 0.0,
    storage_path: PathText | None = None,
    study_storage: str | None = None,
    device: str = "auto",
    train_processes: int = 1,
    name: str | None = None,
    runs_dir: PathText = "runs",
    formats: Sequence[str] = ("onnx",),
    watch: Watch | None = None,
) -> Result:
    """Search, train, export and verify; the arguments are the flags of ``nas search`` (docs/cli.md).

    Args:
        target: name or path of a hardware profile, or a `Target`.
        data: ``digits``, a folder of class folders, an ``.npz`` file or a name of timm's.
        data_root: folder that relative data names are looked for in.
        space: name or path of a search space, or a `SearchSpace`; None chooses by the size of the images.
        blocks: file of your own block families; it is run.
        latency_ms: limit of the latency estimate; None derives one.
        macs: limit of multiply-adds of one image.
        params: limit of trainable parameters.
        peak_memory_bytes: limit of activations alive at once, in float32.
        margin: what is added to every latency estimate before it is held to the limit: 0.1 adds 10 %.
        sampler: search algorithm.
        evaluator: what scores the candidates, ``NAME`` or ``NAME:DETAIL``.
        time_budget_s: how long the whole search may take; the numbers below are then upper limits.
        evaluations: candidates that are scored.
        finalists: candidates that are trained to the end.
        supernet_epochs: passes that train the shared weights.
        supernet_divergence: how subnets learn from the largest: ``kl`` (None) or ``alpha``.
        candidate_epochs: passes that train each candidate, where the evaluator trains them.
        finalist_epochs: passes that train each finalist.
        final_seeds: trainings of the winner and of the best known design.
        precision: ``float`` or ``int8``, of the networks that are compared; None takes the target's.
        warm_start: ``timm:NAME`` or ``timm:NAME=FILE``.
        select: rule that names the winner.
        accuracy_slack: accuracy that the rule may give up, in points.
        measure_finalists: whether the winner is chosen by measured latencies.
        measure_host: whether ``host-cpu`` may be measured for two minutes where its profile is of another CPU.
        via: device that they are measured on.
        tool: what measures there.
        seed: same seed, same candidates.
        smoke: everything at the smallest size.
        ray_address: ``local``, ``auto``, ``HOST:PORT``, or ``inline`` for no Ray at all. A Ray that is initialised
            already is used whatever stands here (but ``inline``).
        workers: candidates evaluated at once.
        cpus_per_trial: CPUs of one evaluation.
        gpus_per_trial: GPUs that Ray keeps for one.
        storage_path: folder or bucket for data that nodes of a cluster do not see by themselves.
        study_storage: database in which searches share one study.
        device: what computes: ``auto``, ``cpu``, ``cuda``, ``mps``.
        train_processes: processes that train the supernet together.
        name: of the run.
        runs_dir: folder of all runs.
        formats: what the winner is exported to.
        watch: hears of progress; None is silent.

    Raises:
        UserError: if an argument is wrong, or no architecture keeps the limits.
        NasError: if the search itself fails.
    """
    from nas.blocks.user import load_blocks
    from nas.jobs.host import suited_target
    from nas.jobs.search import start
    from nas.search.latency_check import MeasureOrder

    watch = watch or Silent()
    if (via is not None or tool is not None) and not measure_finalists:
        raise UserError("search(): via and tool say where measure_finalists measures; set it too, or leave them out")
    if blocks is not None:
        load_blocks(Path(blocks))  # a space made in Python is checked against them when it is kept
    folder = Path(runs_dir)
    wishes = schema.read(
        Wishes,
        {
            "target": suited_target(_target(target, folder), None, watch, measure=measure_host),
            "data": _path(data),
            "data_root": _path(data_root),
            "space": _space(space, folder),
            "blocks": _path(blocks),
            "constraints": _given(
                latency_ms=latency_ms, macs=macs, params=params, peak_memory_bytes=peak_memory_bytes, margin=margin
            ),
            "sampler": sampler,
            "evaluator": evaluator,
            "time_budget_s": time_budget_s,
            "candidate_epochs": candidate_epochs,
            "final_seeds": final_seeds,
            "precision": precision,
            "study_storage": study_storage,
            "select": select,
            "accuracy_slack": accuracy_slack / 100 if isinstance(accuracy_slack, (int, float)) else accuracy_slack,
            "seed": seed,
            "smoke": smoke,
            "evaluations": evaluations,
            "finalists": finalists,
            "supernet_epochs": supernet_epochs,
            "supernet_divergence": supernet_divergence,
            "finalist_epochs": finalist_epochs,
            "workers": _given(
                address=ray_address,
                count=workers,
                cpus=cpus_per_trial,
                gpus=gpus_per_trial,
                storage=_path(storage_path),
                device=device,
                train_processes=train_processes,
            ),
            "formats": formats,
            "warm_start": warm_start,
            "measure": schema.to_dict(MeasureOrder(None, via, tool)) if measure_finalists else None,
        },
        source="search()",
    )
    return _result(start(wishes, runs_dir=folder, name=name, watch=watch))


def resume(run: PathText, *, watch: Watch | None = None) -> Result:
    """Continue a run where it stopped; one that is finished is only read.

    Raises:
        UserError: if there is no such run, or another process writes it.
    """
    from nas.jobs.search import existing_run
    from nas.jobs.search import resume as resumed

    return _result(resumed(existing_run(Path(run)), watch or Silent()))


def _target(target: str | PathLike[str] | Target, runs_dir: Path) -> str:
    """Return what `load_target` takes."""
    if not isinstance(target, Target):
        return str(target) if isinstance(target, PathLike) else target
    if target.source is not None:
        return target.source
    from nas.hardware.profile_file import profile_text

    head = f"# {target.profile.description}.\n# Used by: nas search --target FILE; written by the Python interface.\n"
    return _kept(target.profile.name, lambda: profile_text(target.profile, head), runs_dir, load_target)


def _space(space: str | PathLike[str] | SearchSpace | None, runs_dir: Path) -> str | None:
    """Return what `load_space` takes."""
    if not isinstance(space, SearchSpace):
        return str(space) if isinstance(space, PathLike) else space
    from nas.space.writing import space_text

    return _kept(space.name, lambda: space_text(space), runs_dir, SearchSpace.load)


def _kept(name: str, text: Callable[[], str], runs_dir: Path, check: Callable[[str], object]) -> str:
    """Keep what was made in Python as a file, which a resumed run reads again; return its path."""
    content = text()
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    path = runs_dir / GIVEN / digest / f"{runs.checked_name(name)}.yaml"
    runs.write_atomic(path, content.encode())
    check(str(path))
    return str(path.absolute())


def _path(path: Any) -> Any:
    """Return the text of a path; whatever else was given is left for the schema to refuse."""
    return str(path) if isinstance(path, PathLike) else path


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _result(outcome: Outcome) -> Result:
    return Result(outcome.path, outcome.result, outcome.report)


def _network(entry: Mapping[str, Any]) -> Network:
    from nas.space.architecture import Architecture

    return Network(
        name=entry["name"],
        architecture=Architecture.from_dict(entry["architecture"]),
        macs=entry["macs"],
        params=entry["params"],
        latency_ms=entry["latency_ms"],
        peak_memory_bytes=entry["peak_memory_bytes"],
        search_accuracy=entry["search_accuracy"],
        test_accuracy=entry.get("test_accuracy"),
    )
