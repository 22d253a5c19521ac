"""Folding the branches into one convolution keeps the outputs."""

import pytest
import torch
from timm.utils import reparameterize_model
from torch import nn

from nas.blocks.repvgg import RepVgg


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_folded_branches_give_the_same(stride: int, kernel_size: int) -> None:
    network = nn.Sequential(RepVgg(8, stride, kernel_size).build(8), RepVgg(12, 1, kernel_size).build(8))
    with torch.no_grad():
        for _ in range(3):  # batch norms learn other statistics than they begin with
            network(torch.randn(8, 8, 9, 9) * 2 + 1)
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        network.eval()
        folded = reparameterize_model(network)
        x = torch.randn(2, 8, 9, 9)
        assert torch.allclose(folded(x), network(x), atol=1e-5)
    assert sum(isinstance(m, nn.Conv2d) for m in folded.modules()) == 2
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
