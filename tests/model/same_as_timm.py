"""Comparing a network of ours with timm's model of the same weights."""

import torch
from torch import nn

from nas.model.timm_names import ours_from_timm
from nas.space.architecture import Architecture


def difference(architecture: Architecture, network: nn.Module, reference: nn.Module) -> float:
    """Copy the weights of `reference` and return the largest difference of the outputs, relative to the largest one.

    Its batch norms get statistics away from 0 and 1 first, so that a wrong norm shows, and so do norms, biases and
    layer scales, which begin as 0, 1 or next to nothing, so that a part that is forgotten shows.
    """
    for name, parameter in reference.named_parameters():
        if parameter.ndim <= 1 or "token" in name:
            parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    network.load_state_dict(ours_from_timm(architecture, reference.state_dict()))
    x = torch.randn(2, 3, architecture.resolution, architecture.resolution)
    with torch.no_grad():
        expected = reference(x)
        return float((network(x) - expected).abs().max()) / max(1.0, float(expected.abs().max()))
