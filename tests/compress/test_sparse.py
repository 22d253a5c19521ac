import pytest
import torch
from torch import nn

from nas.compress.sparse import mask_2_4, sparsify, stored_bytes, zero_share


def nudge(network: nn.Module) -> None:
    """Train a little, so that zeros could be lost."""
    network.train()
    network(torch.randn(4, 3, 32, 32)).square().mean().backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    network.eval()


def test_two_of_every_four_are_kept() -> None:
    weight = torch.tensor([[1.0, -4.0, 3.0, 2.0, 0.1, 0.2, -0.3, 0.0]])
    assert mask_2_4(weight).tolist() == [[0, 1, 1, 0, 0, 1, 1, 0]]


def test_the_pattern_runs_along_the_input_channels() -> None:
    mask = mask_2_4(torch.randn(6, 8, 3, 3))
    assert (mask.reshape(6, 2, 4, 3, 3).sum(dim=2) == 2).all()


@pytest.mark.parametrize("sparsity", [0.6, "2:4"])
def test_zeros_survive_training_and_the_layers_are_plain_again(network: nn.Module, sparsity: float | str) -> None:
    sparsify(network, sparsity, lambda: nudge(network))
    pointwise = network[1][1][0]
    assert not hasattr(pointwise, "weight_mask")
    assert isinstance(pointwise.weight, nn.Parameter)
    if sparsity == "2:4":
        assert ((pointwise.weight != 0).reshape(32, 4, 4).sum(dim=2) == 2).all()
        assert (network[0][0].weight != 0).all()  # three channels are no multiple of four
    assert zero_share(network) > 0.4


def test_zeros_are_not_stored() -> None:
    layer = nn.Linear(8, 4, bias=False)
    assert stored_bytes(layer) == 4 * 32
    layer.weight.data[:, 1:] = 0
    assert stored_bytes(layer) == 4 * 4 + 32 // 8
