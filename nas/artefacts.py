"""The folder of a trained network: ``architecture.json`` and ``model.safetensors`` (the name that timm looks for).

The weights carry the digest of their architecture, so that the two files cannot be mixed up unnoticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas import runs, torch_compat
from nas.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from nas.space.architecture import Architecture

_ARCHITECTURE = "architecture.json"
WEIGHTS = "model.safetensors"


def save_winner(folder: Path, architecture: Architecture, network: nn.Module) -> None:
    """Write a trained network into `folder`, replacing what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, folder / WEIGHTS, digest=architecture.digest)
    runs.write_atomic(folder / _ARCHITECTURE, (architecture.to_json() + "\n").encode())


def load_winner(folder: Path) -> tuple[Architecture, nn.Module]:
    """Read a trained network back, in eval mode on the CPU.

    Raises:
        UserError: if a file is missing, broken or belongs to another architecture.
    """
    for name in (_ARCHITECTURE, WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: not found; has this run finished?")
    torch_compat.prepare()
    from nas.blocks.user import load_run_blocks
    from nas.model.network import build
    from nas.space.architecture import load_architecture

    load_run_blocks(folder.parent)
    architecture = load_architecture(folder / _ARCHITECTURE)
    network = build(architecture)
    load_weights(network, folder / WEIGHTS, digest=architecture.digest)
    return architecture, network.eval()


def save_weights(module: nn.Module, path: Path, *, digest: str) -> None:
    """Write the parameters and buffers of `module` as safetensors, whole or not at all."""
    from safetensors.torch import save

    # A copy each: safetensors refuses views and tensors that share memory.
    tensors = {name: t.detach().cpu().clone().contiguous() for name, t in module.state_dict().items()}
    runs.write_atomic(path, save(tensors, metadata={"digest": digest}))


def load_weights(module: nn.Module, path: Path, *, digest: str) -> None:
    """Fill `module` with the tensors of `path`.

    Raises:
        UserError: if the file is broken or holds the weights of another architecture.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            saved = (file.metadata() or {}).get("digest", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(f"{path}: not a safetensors file ({error})") from None
    if saved != digest:
        raise UserError(f"{path}: weights of architecture {saved or 'unknown'!r}, but {digest!r} is wanted")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        detail = " ".join(str(error).split())
        raise UserError(f"{path}: the weights do not fit the architecture ({detail[:300]})") from None
