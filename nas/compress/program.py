"""Networks as programs of `torch.export`: files that run without this package, at any batch size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas import runs
from nas.errors import NasError, UserError, first_line
from nas.silence import quiet

ANY_BATCH = ({0: torch.export.Dim.DYNAMIC},)  # of the one input (N, 3, R, R)


def save(network: nn.Module, path: Path, images: Tensor) -> None:
    """Write a network as a program, whole or not at all.

    Args:
        network: in eval mode.
        path: of the file, ``.pt2``.
        images: (N, 3, R, R), N at least 2: an example of what it takes.

    Raises:
        NasError: if the network cannot be exported.
    """
    buffer = io.BytesIO()
    example = images[:2].clone()  # the file holds it, with all of the storage that a slice belongs to
    try:
        with quiet(), torch.no_grad():
            torch.export.save(torch.export.export(network, (example,), dynamic_shapes=ANY_BATCH), buffer)
    except Exception as error:  # tracing runs the network's own code: any error may come out of it
        raise NasError(f"{path.name}: the network cannot be exported ({first_line(error)})") from error
    runs.write_atomic(path, buffer.getvalue())


def load(path: Path) -> nn.Module:
    """Read a program back, in eval mode.

    Raises:
        UserError: if the file is broken.
    """
    try:
        with quiet():
            import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401  # registers the operators in the file

            return with_modes(torch.export.load(path).module())
    except Exception as error:  # a broken archive fails in many ways
        raise UserError(f"{path}: not a readable program ({first_line(error)}); delete it to make it anew") from None


def with_modes(module: Any) -> nn.Module:
    """Let `train()` and `eval()` be called on an exported module, which refuses them by itself; put it in eval mode."""
    from torchao.quantization.pt2e import allow_exported_model_train_eval

    allow_exported_model_train_eval(module)
    module.eval()  # returns nothing, unlike that of any other module
    made: nn.Module = module
    return made
