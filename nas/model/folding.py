"""A network in the form in which it is deployed: branches that only training needs are folded into one layer.

A module that can be folded has a method ``reparameterize()``, as timm's RepVGG and MobileOne blocks have: it replaces
linear branches by one convolution with the same outputs in eval mode. What such a network costs, and what is exported,
is the folded form; what is trained, and saved, is the form with branches.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from torch import nn


def folded(module: nn.Module) -> nn.Module:
    """Return `module` in eval mode with every foldable part folded: a copy, or itself if it has no such part."""
    if next(_foldable(module), None) is None:
        return module.eval()
    result = copy.deepcopy(module).eval()
    # A part may consist of parts: those that are still there after the whole was folded are folded in turn.
    for part in _foldable(result):
        part.reparameterize()
    return result


def _foldable(module: nn.Module) -> Iterator[Any]:
    if hasattr(module, "reparameterize"):
        yield module
    for child in list(module.children()):
        yield from _foldable(child)
