"""What is exported: the winner of a run, any timm model, or an architecture from a file, with images to check it on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, torch_compat
from nas.errors import UserError
from nas.export.formats import ModelFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from nas.data import ImageData
    from nas.space.architecture import Architecture

_RECALIBRATION_IMAGES, _RECALIBRATION_BATCH = 128, 32
_SMALLEST_GAIN = 0.01
_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class Deployable:
    """A network ready to be exported.

    Attributes:
        network: in eval mode, on the CPU.
        facts: what files say about it.
        data: images at its resolution, normalised as it wants them; its search split checks files.
        labelled: whether the network's classes are those of the data.
        trained: whether its weights are more than random numbers.
    """

    network: nn.Module
    facts: ModelFacts
    data: ImageData
    labelled: bool = True
    trained: bool = True


@dataclass(frozen=True, slots=True)
class Images:
    """Where images come from that a network is checked on which has none of its own.

    Attributes:
        data: name or path of a data set.
        root: folder that it is looked for in.
        resolution: side of the image; None takes the network's own.
        seed: of the split, and of weights that no file gives.
    """

    data: str = "sample-photos"
    root: Path | None = None
    resolution: int | None = None
    seed: int = 0

    def load(self, side: int) -> ImageData:
        """Load them for a network of `side` pixels.

        Raises:
            UserError: if there is no such data.
        """
        from nas.data import load_data

        return load_data(self.data, resolution=side, seed=self.seed, root=self.root)


def from_run(run_dir: Path) -> Deployable:
    """Return the winner of a run, with the run's own images.

    Raises:
        UserError: if the run has no winner.
    """
    from nas.artefacts import load_winner

    architecture, network = load_winner(run_dir / "winner")
    result = read_result(run_dir)
    data = run_data(result, architecture)
    return Deployable(network, model_facts(data, architecture, result), data)


def from_timm(text: str, images: Images) -> Deployable:
    """Return a timm model: with the weights of a file and as many classes as they tell apart, or with random weights.

    Images are normalised as timm says, except where a file tells the classes of the data apart: such a network was
    trained on them by this package.

    Args:
        text: ``timm:NAME`` or ``timm:NAME=FILE``.
        images: what it is checked on.

    Raises:
        UserError: if model, file or data are wrong.
    """
    from nas.model.timm_network import build_timm, classes_in, fill_timm, own_resolution, parse_timm

    name, file = parse_timm(text)
    side = images.resolution or own_resolution(name)
    data = images.load(side)
    classes = _own_classes(name)
    network = build_timm(name, side, classes, images.seed)
    if file is not None:
        classes = classes_in(network, file) or classes
        network = build_timm(name, side, classes, images.seed)
    trained = file is not None and fill_timm(network, file)
    labelled = trained and classes == data.num_classes
    if not labelled:
        data = replace(data, **_timm_normalisation(name))
    if not trained:
        _enliven(network, data, images.seed)
    facts = ModelFacts(
        resolution=side,
        class_names=data.class_names if labelled else (),
        mean=data.mean,
        std=data.std,
        macs=_macs(network, side),
        timm_name=name,
        num_classes=classes,
    )
    return Deployable(network.eval(), facts, data, labelled, trained)


def from_architecture(path: Path, images: Images) -> Deployable:
    """Return the network of an architecture: with the weights that lie beside the file, or with random ones.

    Args:
        path: of a JSON or YAML file.
        images: what it is checked on; `Images.resolution` changes that of the architecture.

    Raises:
        UserError: if file, weights or data are wrong.
    """
    from nas.artefacts import WEIGHTS, load_winner
    from nas.model.network import build
    from nas.space.architecture import load_architecture

    trained = (path.parent / WEIGHTS).is_file() and path.name == "architecture.json" and images.resolution is None
    if trained:
        architecture, network = load_winner(path.parent)
    else:
        architecture = load_architecture(path)
        if images.resolution is not None:
            architecture = _at(architecture, images.resolution)
        network = build(architecture, seed=images.seed)
    data = images.load(architecture.resolution)
    if not trained:
        _enliven(network, data, images.seed)
    labelled = trained and architecture.num_classes == data.num_classes
    facts = ModelFacts(
        resolution=architecture.resolution,
        class_names=data.class_names if labelled else (),
        mean=data.mean,
        std=data.std,
        digest=architecture.digest,
        macs=_macs(network, architecture.resolution),
        architecture=architecture,
    )
    return Deployable(network.eval(), facts, data, labelled, trained)


def read_result(run_dir: Path) -> dict[str, Any]:
    """Return a run's ``result.json``.

    Raises:
        UserError: if it is missing or damaged.
    """
    path = run_dir / runs.RESULT
    if not path.is_file():
        raise UserError(f"{path}: not found; is {str(run_dir)!r} a finished run?")
    result = runs.read_json(path)
    if not isinstance(result, dict):
        raise UserError(f"{path}: expected a mapping")
    return result


def run_data(result: Mapping[str, Any], architecture: Architecture) -> ImageData:
    """Load what a run's winner was trained on, at its resolution."""
    from nas.data import load_data

    root = result.get("data_root")
    return load_data(
        result["data"],
        resolution=architecture.resolution,
        seed=result["seed"],
        root=None if root is None else Path(root),
    )


def model_facts(data: ImageData, architecture: Architecture, result: Mapping[str, Any]) -> ModelFacts:
    """Return what files say about the winner of a run.

    Args:
        data: what it was trained on.
        architecture: what it is.
        result: the run's ``result.json``.
    """
    return ModelFacts(
        resolution=architecture.resolution,
        class_names=data.class_names,
        mean=data.mean,
        std=data.std,
        digest=architecture.digest,
        macs=(result.get("winner") or {}).get("macs"),
        architecture=architecture,
    )


def _at(architecture: Architecture, resolution: int) -> Architecture:
    try:
        return replace(architecture, resolution=resolution)
    except ValueError as error:
        raise UserError(str(error)) from None


def _own_classes(name: str) -> int:
    torch_compat.prepare()
    import timm

    return int(timm.get_pretrained_cfg(name).num_classes or 1000)


def _timm_normalisation(name: str) -> dict[str, Any]:
    import timm

    cfg = timm.get_pretrained_cfg(name)
    return {"mean": tuple(cfg.mean), "std": tuple(cfg.std)}


def _macs(network: nn.Module, side: int) -> int:
    from nas.cost.cost import trace_cost
    from nas.cost.trace import trace_module
    from nas.model.folding import folded

    return trace_cost(trace_module(folded(network), (3, side, side))).macs


def _enliven(network: nn.Module, data: ImageData, seed: int) -> None:
    """Make random weights a fair example: no branch multiplied by nothing, no norm that leaves its input as it is.

    Networks begin with gains of 0 or a millionth at the end of residual branches and with biases of 0, so that a
    converter could lose whole branches unnoticed.
    """
    import torch

    from nas.data.batches import EvaluationBatches
    from nas.training.train import recalibrate_batch_norm

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim != 1:
                continue
            if not name.endswith("bias") and parameter.abs().max() < _SMALLEST_GAIN:
                parameter.fill_(0.5)
            parameter.add_(_NOISE * torch.randn(parameter.shape, generator=generator))
    recalibrate_batch_norm(
        network,
        EvaluationBatches(data, "train", batch_size=_RECALIBRATION_BATCH, limit=_RECALIBRATION_IMAGES, workers=0),
    )
