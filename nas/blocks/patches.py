"""Cutting a map into patches: a convolution whose window is its stride."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PatchConv2d(nn.Conv2d):
    """Convolution of each patch on its own: ``(N, C, H, W) -> (N, out_chs, H / size, W / size)``, rounded up.

    Below and right the map is padded with zeros to whole patches.

    Args:
        in_chs: channels of the input.
        out_chs: channels of the output.
        size: side of a patch.
    """

    def __init__(self, in_chs: int, out_chs: int, size: int) -> None:
        super().__init__(in_chs, out_chs, size, stride=size)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Convolve the patches of ``x (N, C, H, W)``."""
        right, down = -x.shape[3] % self.size, -x.shape[2] % self.size
        return super().forward(F.pad(x, (0, right, 0, down)) if right or down else x)
