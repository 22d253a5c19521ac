"""An image as a sequence of tokens: Dosovitskiy et al. 2020, ViT, arXiv 2010.11929, section 3.1.

The sequence is a map of height 1, ``(N, C, 1, 1 + T)`` with the class token first, so that blocks need not know of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

POSITION_STD = 0.02
CLASS_STD = 1e-6


class ToTokens(nn.Module):
    """Add positions to a map of patches, then make it a sequence: ``(N, C, H, W) -> (N, C, 1, 1 + H * W)``.

    The positions of the patches are a map as well, so that a smaller image can use the middle of a larger one's.
    """

    def __init__(self, chs: int, height: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, chs, height, width), std=POSITION_STD))
        self.cls_token = nn.Parameter(nn.init.normal_(torch.empty(1, chs, 1, 1), std=CLASS_STD))
        self.cls_pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, chs, 1, 1), std=POSITION_STD))

    def forward(self, x: Tensor) -> Tensor:
        """Turn ``x (N, C, H, W)`` into tokens."""
        n, chs, height, width = x.shape
        patches = (x + self.pos_embed).reshape(n, chs, 1, height * width)
        first = (self.cls_token + self.cls_pos_embed).expand(n, -1, -1, -1)
        return torch.cat([first, patches], dim=3)


class ClassToken(nn.Module):
    """Take the class token alone: ``(N, C, 1, 1 + T) -> (N, C, 1, 1)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the first token of ``x``."""
        return x[:, :, :, :1]
