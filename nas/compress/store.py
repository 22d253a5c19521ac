"""The files of a chain: one of weights for each finished step, from which a killed chain goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from nas import runs, schema
from nas.compress.form import Form, form_of, restore
from nas.errors import UserError


def save_network(network: nn.Module, path: Path) -> None:
    """Write the weights of a network of plain layers with its form, whole or not at all."""
    # A copy each: safetensors refuses views and tensors that share memory.
    tensors = {name: t.detach().cpu().clone().contiguous() for name, t in network.state_dict().items()}
    form = json.dumps(schema.to_dict(form_of(network)))
    runs.write_atomic(path, save(tensors, metadata={"form": form}))


def load_network(path: Path, build: Callable[[], nn.Module]) -> nn.Module:
    """Read a network back, in eval mode, open to training.

    Args:
        path: that `save_network` wrote.
        build: makes the network as it was before compression.

    Raises:
        UserError: if the file is broken or belongs to another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            form = schema.read(Form, json.loads((file.metadata() or {}).get("form", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return restore(build(), form, tensors)
    except (OSError, SafetensorError, ValueError, UserError) as error:
        raise UserError(
            f"{path}: not a readable network ({error}); delete {path.parent.parent} to begin anew"
        ) from None
