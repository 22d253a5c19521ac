"""A timm model as users name it, ``timm:NAME`` or ``timm:NAME=FILE``: built with random weights, filled from a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nas import torch_compat
from nas.errors import UserError
from nas.model.from_timm import require_timm_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

TIMM = "timm:"


def parse_timm(text: str) -> tuple[str, Path | None]:
    """Return the model and the file of weights that `text` names.

    Raises:
        UserError: if it is neither ``timm:NAME`` nor ``timm:NAME=FILE``, or there is no such model or file.
    """
    match = re.fullmatch(r"timm:([^=\s]+)(?:=(.+))?", text)
    if match is None:
        raise UserError(f"{text!r} is not legal; allowed: timm:NAME or timm:NAME=FILE")
    require_timm_model(match[1])
    if match[2] is not None and not Path(match[2]).is_file():
        raise UserError(f"{text}: no such file: {match[2]}")
    return match[1], Path(match[2]) if match[2] else None


def own_resolution(name: str) -> int:
    """Return the side of the image that a timm model is made for."""
    torch_compat.prepare()
    import timm

    return int(timm.get_pretrained_cfg(name).input_size[-1])


def build_timm(name: str, side: int, num_classes: int, seed: int) -> nn.Module:
    """Build a timm model for images of a size and a number of classes, with random weights.

    Raises:
        UserError: if timm has no such model, or it cannot have that size.
    """
    require_timm_model(name)
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            try:
                network = timm.create_model(name, num_classes=num_classes, img_size=side)
            except TypeError:  # only models with position embeddings take a size
                network = timm.create_model(name, num_classes=num_classes)
            with torch.no_grad():
                network.eval()(torch.zeros(2, 3, side, side))
        except (RuntimeError, AssertionError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{TIMM}{name} cannot run at {side} pixels ({reason})") from None
    made: nn.Module = network
    return made


def read_checkpoint(file: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a checkpoint, by their names in a timm model.

    Raises:
        UserError: if it is not a file of plain weights.
    """
    torch_compat.prepare()
    from timm.models import load_state_dict

    try:
        loaded: Mapping[str, Tensor] = load_state_dict(str(file), weights_only=True)
    except Exception as error:  # a broken file makes pickle, zip and safetensors fail each in its own ways
        raise UserError(f"{file}: not a checkpoint of plain weights ({type(error).__name__})") from None
    return loaded


def fill_timm(network: Any, file: Path) -> bool:
    """Fill a timm model from a checkpoint; say whether the classifier was among it.

    Raises:
        UserError: if the file holds the weights of another model.
    """
    loaded, ours = read_checkpoint(file), set(_classifier(network))
    wanted = network.state_dict()
    strange = [
        name
        for name in wanted.keys() | loaded.keys()
        if name not in wanted or name not in loaded or wanted[name].shape != loaded[name].shape
    ]
    if set(strange) - ours:
        names = ", ".join(sorted(set(strange) - ours)[:3])
        raise UserError(f"{file}: not the weights of this model (others: {names})")
    network.load_state_dict({name: t for name, t in loaded.items() if name not in strange}, strict=False)
    return not strange


def classes_in(network: Any, file: Path) -> int | None:
    """Return how many classes a checkpoint of `network` tells apart; None if it holds no classifier of its name."""
    loaded = read_checkpoint(file)
    weights = [loaded[name] for name in _classifier(network) if name in loaded and loaded[name].ndim > 1]
    return int(weights[0].shape[0]) if weights else None


def _classifier(network: Any) -> list[str]:
    head = network.get_classifier()
    return [f"{name}.{leaf}" for name, m in network.named_modules() if m is head for leaf in ("weight", "bias")]
