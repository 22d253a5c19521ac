"""Weights between timm's models and our networks: the same tensors under two sets of names.

Networks of timm's EfficientNet and MobileNetV3 classes keep timm's names, so that nothing has to be translated.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nas.space.architecture import Architecture

Weights = dict[str, Tensor]


def ours_from_timm(architecture: Architecture, state_dict: Mapping[str, Tensor]) -> Weights:
    """Return the weights of timm's model of an architecture by the names of our network.

    Args:
        architecture: what both models compute.
        state_dict: timm's weights; names that we do not know stay as they are, for `load_state_dict` to refuse.
    """
    return dict(state_dict)


def timm_from_ours(architecture: Architecture, state_dict: Mapping[str, Tensor]) -> Weights:
    """Return the weights of our network of an architecture by timm's names; the inverse of `ours_from_timm`."""
    return dict(state_dict)
