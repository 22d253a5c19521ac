"""Comparing a network of ours with timm's model of the same weights."""

import torch
from torch import nn


def difference(network: nn.Module, reference: nn.Module, *, resolution: int) -> float:
    """Copy the weights of `reference` and return the largest difference of the outputs, relative to the largest one.

    Its batch norms get statistics away from 0 and 1 first, so that a wrong norm shows.
    """
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    network.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, resolution, resolution)
    with torch.no_grad():
        expected = reference(x)
        return float((network(x) - expected).abs().max()) / max(1.0, float(expected.abs().max()))
