"""Training state on disk, so that a training that is killed can go on after its last whole epoch."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from nas.errors import UserError
from nas.runs import write_atomic

_FORMAT = 1


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain data, whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, **state}, buffer)
    write_atomic(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read a state back, to the CPU; no code in the file is run.

    Raises:
        UserError: if the file is broken or of another format.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a readable training state ({reason}); delete it to train anew") from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise UserError(f"{path}: not a training state of format {_FORMAT}; delete it to train anew")
    return state


def finished_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a training ended with: the averaged ones where it averages.

    Raises:
        UserError: if the file is broken, or the training did not come to its end.
    """
    state = load_state(path)
    done, wanted = len(state["history"]), state["identity"]["recipe"]["epochs"]
    if done < wanted:
        raise UserError(f"{path}: {done} of {wanted} passes are done; this network was not trained to its end")
    weights: dict[str, torch.Tensor] = state["module"] if state["ema"] is None else state["ema"]
    return weights
