"""What is compressed, and what it may learn from: the winner of a run, any timm model, a run's largest subnet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from nas import runs
from nas.data import ImageData, load_data
from nas.errors import UserError
from nas.model.timm_network import TIMM, build_timm, fill_timm, own_resolution, parse_timm
from nas.model.warm_start import content_digest

LARGEST = "largest"


@dataclass(frozen=True, slots=True)
class Subject:
    """A network and what it was made for.

    Attributes:
        name: as the user gave it.
        network: in eval mode.
        build: makes the same network anew, with any weights.
        trained: whether its weights are those of the data's classes.
        data: at the network's resolution.
        target: name or path of the hardware profile.
        run: the run it is the winner of, if any.
    """

    name: str
    network: nn.Module
    build: Callable[[], nn.Module]
    trained: bool
    data: ImageData
    target: str
    run: Path | None = None

    @property
    def digest(self) -> str:
        """Sixteen digits that name its weights."""
        return content_digest(self.network.state_dict())


def from_run(path: Path, target: str | None) -> Subject:
    """Return the winner of a run, with the run's data.

    Raises:
        UserError: if the run has no winner.
    """
    from nas.artefacts import load_winner
    from nas.export.deployable import read_result, run_data
    from nas.model.network import build

    architecture, network = load_winner(path / "winner")
    result = read_result(path)
    data = run_data(result, architecture)
    return Subject(
        str(path), network, lambda: build(architecture, seed=0), True, data, target or str(result["target"]), path
    )


def from_timm(text: str, *, data: str, root: Path | None, resolution: int | None, target: str, seed: int) -> Subject:
    """Return a timm model for the classes of a data set.

    Args:
        text: ``timm:NAME`` or ``timm:NAME=FILE``.
        data: name or path of the data set.
        root: folder that it is looked for in.
        resolution: side of the image; None takes the model's own.
        target: name or path of the hardware profile.
        seed: of the split, and of weights that no file gives.

    Raises:
        UserError: if model, file or data are wrong.
    """
    name, file = parse_timm(text)
    side = resolution or own_resolution(name)
    loaded = load_data(data, resolution=side, seed=seed, root=root)
    network = build_timm(name, side, loaded.num_classes, seed)
    trained = file is not None and fill_timm(network, file)
    return Subject(
        text, network, lambda: build_timm(name, side, loaded.num_classes, seed), trained, loaded, target, None
    )


def find_teacher(text: str | None, subject: Subject, seed: int) -> tuple[nn.Module, bool]:
    """Return the teacher that a text names, and whether it is trained.

    Args:
        text: ``largest``, ``timm:NAME[=FILE]`` or the folder of a run; None takes the run's largest subnet if it is
            kept and better, else the network itself.
        subject: the network that will be taught.
        seed: of weights that no file gives.

    Raises:
        UserError: if there is no such teacher, or it tells other classes apart.
    """
    if text is None:
        return _default_teacher(subject), True
    if text == LARGEST:
        if subject.run is None:
            raise UserError("--teacher largest: only a run has a supernet; name a timm model or a run")
        return largest_subnet(subject.run), True
    if text.startswith(TIMM):
        name, file = parse_timm(text)
        network = build_timm(name, subject.data.resolution, subject.data.num_classes, seed)
        return network.eval(), file is not None and fill_timm(network, file)
    if (Path(text) / "winner").is_dir():
        from nas.artefacts import load_winner

        architecture, network = load_winner(Path(text) / "winner")
        if architecture.num_classes != subject.data.num_classes:
            raise UserError(f"--teacher {text}: {architecture.num_classes} classes, not {subject.data.num_classes}")
        return _sized(network, architecture.resolution, subject.data.resolution), True
    raise UserError(f"--teacher {text!r} is not legal; allowed: largest, timm:NAME, timm:NAME=FILE or a run")


def _default_teacher(subject: Subject) -> nn.Module:
    from nas.data.batches import EvaluationBatches
    from nas.training.train import evaluate

    itself = _closed_copy(subject.network)
    if subject.run is None:
        return itself
    try:
        largest = largest_subnet(subject.run)
    except UserError:  # the supernet is not kept: the network teaches itself
        return itself
    search = EvaluationBatches(subject.data, "search")
    return max((itself, largest), key=lambda network: evaluate(network, search))


def _closed_copy(network: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(network).requires_grad_(False).eval()


def largest_subnet(run: Path) -> nn.Module:
    """Return the largest subnet of a run's supernet, which is kept beside the run.

    Raises:
        UserError: if the supernet is not there any more.
    """
    from nas.model.supernet import Supernet
    from nas.search.config import read_config
    from nas.search.supernet_evaluator import at_resolution, calibration_batches, inherit, load_supernet
    from nas.search.supernets import stored_supernet
    from nas.search.target import load_target, search_field
    from nas.space.space import load_space

    config = read_config(run / runs.CONFIG)
    space = load_space(config.space)
    data = load_data(config.data, resolution=max(space.resolutions), seed=config.seed, root=config.root)
    full = search_field(space.for_classes(data.num_classes), load_target(config.target)).full
    weights = stored_supernet(
        full,
        data,
        config.effort.supernet,
        runs_dir=run.parent,
        warm_start=config.warm_start,
        processes=config.workers.train_processes,
        run=run,
    )
    if not weights.is_file():
        raise UserError(f"--teacher largest: {weights} is not there; name a timm model or a run")
    supernet = Supernet(full, seed=config.effort.supernet.seed)
    load_supernet(supernet, weights)
    largest = full.largest()
    network = inherit(supernet, largest, calibration_batches(data))
    return _closed_copy(at_resolution(network, largest))


def _sized(network: nn.Module, resolution: int, given: int) -> nn.Module:
    from nas.model.resizing import Resize

    return network if resolution == given else nn.Sequential(Resize(resolution), network).eval()
