"""Images to the resolution that an architecture wants."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def resized(x: Tensor, resolution: int) -> Tensor:
    """Resize images ``(N, 3, H, W)`` to ``(N, 3, R, R)``; does nothing where they have it."""
    if x.shape[-2:] == (resolution, resolution):
        return x
    return F.interpolate(x, size=(resolution, resolution), mode="bilinear", antialias=True, align_corners=False)


class Resize(nn.Module):
    """Resizes images to a square of side `resolution`."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution

    def forward(self, x: Tensor) -> Tensor:
        """Resize ``x (N, 3, H, W)``."""
        return resized(x, self.resolution)
