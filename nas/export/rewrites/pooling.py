"""Pooling to one value a channel as a plain mean, for exporters that write other forms of it clumsily."""

from __future__ import annotations

import copy

from torch import Tensor, nn


class SpatialMean(nn.Module):
    """The mean over height and width: (N, C, H, W) to (N, C, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean; the axes are counted as torch counts them when it takes adaptive pooling apart."""
        return x.mean((-1, -2), keepdim=True)


def with_plain_pools(module: nn.Module) -> nn.Module:
    """Return `module` with every `nn.AdaptiveAvgPool2d` to one value made a mean: a copy, or itself if it has none.

    Behind a channel-last operation torch.onnx writes such pooling as a flat tensor whose elements are gathered by
    numbers counted at run time.
    """
    if not any(_pools_all(child) for child in module.modules()):
        return module
    result = copy.deepcopy(module)
    for parent in list(result.modules()):
        for name, child in list(parent.named_children()):
            if _pools_all(child):
                setattr(parent, name, SpatialMean())
    return result


def _pools_all(module: nn.Module) -> bool:
    return isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1))
