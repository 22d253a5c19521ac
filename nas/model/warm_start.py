"""Starting a supernet from a checkpoint of timm's: the weights of one point of the space are set to the checkpoint's.

The subnet at that point then gives timm's outputs. What other architectures use besides keeps its initial values; zero
scales where a block adds to its skip (`nas.model.supernet`) are overwritten at the point and stay elsewhere, so blocks
beyond it still begin as the identity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import torch_compat
from nas.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from nas.model.supernet import Supernet
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

FORM = "timm:NAME or timm:NAME=FILE"
_CLASSIFIER = "classifier."
_FILE_ON_HUB = "model.safetensors"
_MAX_SECONDS = 20.0  # of waiting for the hub to answer at all


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Which checkpoint a supernet starts from.

    Attributes:
        model: timm's name of it, with or without the tag of the weights (``mobilenetv3_large_100.ra_in1k``).
        file: a checkpoint of that model; None takes timm's own weights, from the hub or its cache.
        digest: sixteen hexadecimal digits that name the content of the weights; empty until they were read.
    """

    model: str
    file: str | None = None
    digest: str = ""

    @property
    def architecture_name(self) -> str:
        """The model's name without the tag."""
        return self.model.partition(".")[0]

    def __str__(self) -> str:
        return f"timm:{self.model}" + (f"={self.file}" if self.file else "")


def read_warm_start(text: str) -> WarmStart:
    """Read ``timm:NAME`` or ``timm:NAME=FILE``; the file's path becomes absolute.

    Raises:
        UserError: if the text is neither.
    """
    match = re.fullmatch(r"timm:([^=\s]+)(?:=(.+))?", text)
    if match is None:
        raise UserError(f"--warm-start {text!r} is not legal; allowed: {FORM}")
    return WarmStart(match[1], str(Path(match[2]).absolute()) if match[2] else None)


def starting_point(start: WarmStart, space: SearchSpace, *, of: str = "") -> Architecture:
    """Return the model as a point of a space, at its largest resolution and for its classes.

    Args:
        start: names the model.
        space: what it must be a point of.
        of: words that follow the space's name in the message.

    Raises:
        UserError: if timm has no such model, or it is no point of the space; says why and names the zoo's that are.
    """
    from nas.model.from_timm import architecture_from_timm
    from nas.model.zoo import PAPERS, zoo_architecture
    from nas.space.outside import reason_outside

    sizes = {"resolution": max(space.resolutions), "num_classes": space.num_classes}
    name = start.architecture_name
    point = zoo_architecture(name, **sizes) if name in PAPERS else architecture_from_timm(name, **sizes)
    reason = reason_outside(point, space)
    if reason is None:
        return point
    inside = [other for other in PAPERS if space.contains(zoo_architecture(other, **sizes))]
    raise UserError(
        f"--warm-start {start}: it is no point of search space {space.name!r}{of}: {reason}; "
        f"published networks that are: {', '.join(inside) or 'none'}"
    )


def checkpoint(start: WarmStart) -> Mapping[str, Tensor]:
    """Read the weights, by timm's names.

    Raises:
        UserError: if they cannot be read or fetched, or are others than those that `start.digest` names.
    """
    state_dict = _from_hub(start) if start.file is None else _from_file(start)
    if start.digest and content_digest(state_dict) != start.digest:
        raise UserError(f"--warm-start {start}: the weights are not those that the run was begun with")
    return state_dict


def content_digest(state_dict: Mapping[str, Tensor]) -> str:
    """Return sixteen hexadecimal digits that name the content of weights, whatever file they came in."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(state_dict.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def warm(supernet: Supernet, point: Architecture, state_dict: Mapping[str, Tensor], *, source: str) -> None:
    """Set what one architecture uses of a supernet's weights to a checkpoint's.

    The classifier is left as it is where the checkpoint's tells other classes apart.

    Args:
        supernet: changed in place.
        point: the architecture.
        state_dict: weights of timm's model of it, by timm's names.
        source: where they come from, for messages.

    Raises:
        UserError: if the weights are not those of the architecture.
    """
    from nas.model.timm_names import ours_from_timm

    wanted = {name: tuple(tensor.shape) for name, tensor in supernet.weights(point).items()}
    found = ours_from_timm(point, state_dict)
    classifier = {name for name in wanted if name.startswith(_CLASSIFIER)}
    if any(name not in found or tuple(found[name].shape) != wanted[name] for name in classifier):
        found = {name: tensor for name, tensor in found.items() if not name.startswith(_CLASSIFIER)}
        wanted = {name: shape for name, shape in wanted.items() if name not in classifier}
    _require_fit(found, wanted, source)
    supernet.assign(point, found)


def warmed(start: WarmStart, space: SearchSpace, *, of: str = "") -> WarmStart:
    """Check a warm start against a space and return it with the digest of its weights.

    Raises:
        UserError: if the model is no point of the space, or its weights cannot be read.
    """
    starting_point(start, space, of=of)
    return replace(start, digest=content_digest(checkpoint(start)))


def _require_fit(found: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], source: str) -> None:
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    shapes = [
        f"{name} is {tuple(found[name].shape)}, not {shape}"
        for name, shape in wanted.items()
        if name in found and tuple(found[name].shape) != shape
    ]
    problems = [f"{name} is missing" for name in missing] + [f"{name} is unknown" for name in unknown] + shapes
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(f"--warm-start {source}: not the weights of that model: {'; '.join(problems[:3])}{more}")


def _from_file(start: WarmStart) -> Mapping[str, Tensor]:
    """Read a file of timm's or torch's making; nothing in it is run."""
    import torch

    torch_compat.prepare()
    from timm.models import load_state_dict

    assert start.file is not None
    path = Path(start.file)
    if not path.is_file():
        raise UserError(f"--warm-start {start}: no such file")
    try:
        loaded: Any = load_state_dict(str(path), weights_only=True)
    except Exception as error:  # a broken file makes pickle, zip and safetensors fail each in its own ways
        reason = str(error).partition(". ")[0].strip().splitlines() or [type(error).__name__]
        raise UserError(f"--warm-start {start}: not a checkpoint of plain weights ({reason[0]})") from None
    if not isinstance(loaded, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in loaded.values()):
        raise UserError(f"--warm-start {start}: not a checkpoint of plain weights")
    return loaded


def _from_hub(start: WarmStart) -> Mapping[str, Tensor]:
    from safetensors.torch import load_file

    loaded: Mapping[str, Tensor] = load_file(_hub_file(start))
    return loaded


def _hub_file(start: WarmStart) -> str:
    """Return the path of timm's own weights, downloaded where the cache has none."""
    repository = _repository(start)
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, _FILE_ON_HUB)
    if isinstance(cached, str):
        return cached
    try:
        # Asked once, briefly: the download itself tries for many minutes where nothing answers.
        get_hf_file_metadata(hf_hub_url(repository, _FILE_ON_HUB), timeout=_MAX_SECONDS)
        return str(hf_hub_download(repository, _FILE_ON_HUB))
    except Exception as error:  # the client raises the errors of its HTTP library, which is another in each release
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"--warm-start {start}: the weights of {repository} cannot be fetched ({reason[0][:200]}); "
            f"without network give a file: --warm-start timm:{start.model}=FILE (.safetensors or .pth)"
        ) from None


def _repository(start: WarmStart) -> str:
    from nas.model.from_timm import require_timm_model

    require_timm_model(start.architecture_name)
    import timm

    weights = timm.list_pretrained(f"{start.architecture_name}.*")
    if not weights or start.model not in (start.architecture_name, *weights):
        raise UserError(f"--warm-start {start}: timm has no such weights; it has: {', '.join(weights) or 'none'}")
    return str(timm.get_pretrained_cfg(start.model).hf_hub_id)
