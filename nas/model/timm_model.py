"""The network of an architecture with what timm asks of a model.

It stands in no network of ours: exports to timm's format copy it, with the blocks that they use, into a module that
needs torch and timm alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from nas.space.ends import Head, Stem


class Network(nn.Sequential):
    """A network ``(N, in_chans, H, W) -> (N, num_classes)``.

    Args:
        stem: takes the image.
        stages: the blocks of each stage.
        head: gives the classes.
        img_size: height and width of the image; only networks on tokens depend on it.
        num_classes: 0 leaves out the classifier.
        in_chans: channels of the image.
    """

    def __init__(
        self,
        stem: Stem,
        stages: Sequence[Sequence[Any]],
        head: Head,
        *,
        img_size: tuple[int, int],
        num_classes: int = 1000,
        in_chans: int = 3,
    ) -> None:
        made, chs = [], stem.out_chs
        for stage in stages:
            blocks = []
            for block in stage:
                blocks.append(block.build(chs))
                chs = block.out_chs
            made.append(nn.Sequential(*blocks))
        first = stem.modules(img_size[0], in_chans)
        last = head.modules(chs, max(1, num_classes))
        super().__init__(OrderedDict({**first, "blocks": nn.Sequential(*made), **last}))
        self.num_features = chs
        self.head_hidden_size = head.hidden or head.features or chs
        self.num_classes, self.in_chans = num_classes, in_chans
        self._num_first = len(first) + 1
        if num_classes == 0:
            self.reset_classifier(0)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return what the head takes, ``(N, num_features, H', W')``."""
        for layer in list(self.children())[: self._num_first]:
            x = layer(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Turn features into logits, or with `pre_logits` into what the classifier takes."""
        for layer in list(self.children())[self._num_first : -1]:
            x = layer(x)
        return x if pre_logits else self.get_classifier()(x)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.get_submodule("classifier")

    def reset_classifier(self, num_classes: int) -> None:
        """Put a new classifier in place of the old one; 0 leaves it out."""
        self.num_classes = num_classes
        self.add_module("classifier", nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity())
