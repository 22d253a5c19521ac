"""From an architecture to its network: one flat sequence of modules with timm's names."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from nas.blocks import parts
from nas.space.architecture import Architecture


def build(architecture: Architecture, *, seed: int | None = None) -> nn.Sequential:
    """Make the network ``(N, 3, R, R) -> (N, num_classes)`` of an architecture.

    Its state dict has timm's keys: ``conv_stem``, ``bn1``, ``blocks.<stage>.<block>``, ``conv_head``, ``classifier``;
    those of transformers and ConvNeXts are translated by `nas.model.timm_names`.

    Args:
        architecture: what to build.
        seed: seeds the initial weights; without it they follow torch's global generator.
    """
    if seed is None:
        return _initialised(assemble(architecture))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _initialised(assemble(architecture))


def assemble(architecture: Architecture) -> nn.Sequential:
    """Make the network with its layers' own initial weights (use under ``torch.device("meta")`` for none)."""
    made = iter([block.build(in_chs) for _, in_chs, block in architecture.blocks()])
    blocks = nn.Sequential(*(nn.Sequential(*(next(made) for _ in stage)) for stage in architecture.stages))
    return sequence(architecture, blocks)


def sequence(architecture: Architecture, blocks: nn.Sequential) -> nn.Sequential:
    """Put stem, ready-made blocks and head of an architecture into one named sequence."""
    head = architecture.head.modules(architecture.features, architecture.num_classes)
    return nn.Sequential(OrderedDict({**architecture.stem.modules(architecture.resolution), "blocks": blocks, **head}))


def _initialised(network: nn.Sequential) -> nn.Sequential:
    parts.init_weights(network)
    return network


def count_params(module: nn.Module) -> int:
    """Count the trainable numbers of a module."""
    return sum(p.numel() for p in module.parameters())
