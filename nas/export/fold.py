"""The folding of a network before it is written, checked on the images that the file will be checked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.errors import NasError

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-4  # largest difference, relative to the largest logit


def checked_fold(module: nn.Module, images: Tensor) -> nn.Module:
    """Return `module` as it is deployed (`nas.model.folding`).

    Args:
        module: in eval mode; left untouched.
        images: ``(N, C, H, W)`` on which both forms are compared.

    Raises:
        NasError: if folding changes the outputs.
    """
    from nas.export.verify import difference
    from nas.model.folding import folded

    result = folded(module)
    found = difference(module, result, images) if result is not module else None
    if found is not None and not found.relative <= TOLERANCE:
        raise NasError(f"folding the branches of a block changes the outputs by {found.relative:.1e} of the largest")
    return result
