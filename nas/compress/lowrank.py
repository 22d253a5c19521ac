"""Low rank: a linear or pointwise layer as two thinner ones, where that saves multiply-adds.

The best product of two layers by least squares is the truncated singular value decomposition (Eckart and Young 1936;
for networks Denton 2014, arXiv 1404.0736). The rank is the smallest that keeps a share of the energy, the sum of the
squared singular values.
"""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import nn

from nas.compress.form import Factored, Layer, halves


def factorize(network: nn.Module, energy: float) -> str:
    """Factorise the layers of `network` in place, where that saves multiply-adds.

    Args:
        network: in any mode.
        energy: share of the squared singular values to keep, between 0 and 1.

    Returns:
        What was done, in words.
    """
    layers = {name: m for name, m in network.named_modules() if _is_matrix(m) and _is_free(network, name)}
    done = 0
    for name, layer in layers.items():
        made = factored(layer, energy)
        if made is not None:
            network.set_submodule(name, made)
            done += 1
    return f"{done} of {len(layers)} linear and pointwise layers factorised"


@torch.no_grad()
def factored(layer: Layer, energy: float) -> Factored | None:
    """Return the two layers in the place of one; None if they would cost as much as the one."""
    weight = layer.weight.flatten(1)  # (out, in)
    u, s, v = torch.linalg.svd(weight, full_matrices=False)
    share = s.square().cumsum(0) / s.square().sum().clamp_min(torch.finfo(s.dtype).tiny)
    rank = int((share < energy).sum()) + 1
    out_chs, in_chs = weight.shape
    if rank * (out_chs + in_chs) >= out_chs * in_chs:
        return None
    made = halves(layer, rank)
    root = s[:rank].sqrt()
    first, second = made.layers
    first.weight.copy_((root[:, None] * v[:rank]).reshape(first.weight.shape))
    second.weight.copy_((u[:, :rank] * root).reshape(second.weight.shape))
    if layer.bias is not None and second.bias is not None:
        second.bias.copy_(layer.bias)
    made.train(layer.training)
    return made


def _is_matrix(module: nn.Module) -> TypeGuard[Layer]:
    """Say whether a layer is a matrix product; a subclass may compute something else."""
    if type(module) is nn.Conv2d:
        return module.kernel_size == (1, 1) and module.groups == 1 and module.padding == (0, 0)
    return type(module) is nn.Linear


def _is_free(network: nn.Module, name: str) -> bool:
    parent = network.get_submodule(name.rpartition(".")[0])
    return not isinstance(parent, (Factored, nn.MultiheadAttention))  # the latter reads the weights past the layer
