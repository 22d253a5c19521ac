import pytest
import torch
from torch import nn

from nas.compress.form import Factored
from nas.compress.lowrank import factored, factorize


def of_rank(layer: nn.Module, rank: int) -> nn.Module:
    out_chs, in_chs = layer.weight.flatten(1).shape
    torch.manual_seed(0)
    layer.weight.data = (torch.randn(out_chs, rank) @ torch.randn(rank, in_chs)).reshape(layer.weight.shape)
    return layer


@pytest.mark.parametrize(
    ("layer", "image"),
    [(nn.Linear(24, 20), torch.randn(2, 24)), (nn.Conv2d(24, 20, 1, stride=2), torch.randn(2, 24, 5, 5))],
)
def test_a_layer_of_low_rank_becomes_two_that_compute_the_same(layer: nn.Module, image: torch.Tensor) -> None:
    of_rank(layer, 3)
    made = factored(layer, 0.9999)
    assert made is not None
    assert made.layers[0].weight.shape[0] == 3
    torch.testing.assert_close(made(image), layer(image), atol=0.05, rtol=0.01)


def test_a_layer_that_would_cost_as_much_stays() -> None:
    layer = nn.Linear(8, 8)
    nn.init.orthogonal_(layer.weight)
    assert factored(layer, 0.9) is None


def test_the_rank_is_the_smallest_that_keeps_the_energy() -> None:
    layer = nn.Linear(16, 16)
    layer.weight.data = torch.diag(torch.tensor([3.0, 2.0, 1.0] + [0.0] * 13))
    # Energies 9, 4, 1 of 14: the first two keep 13 / 14.
    for energy, rank in ((0.6, 1), (0.92, 2), (0.95, 3)):
        made = factored(layer, energy)
        assert made is not None and made.layers[0].weight.shape[0] == rank


def test_only_linear_and_pointwise_layers_are_taken(network: nn.Module) -> None:
    of_rank(network[1][1][0], 2)
    assert factorize(network, 0.99).endswith("of 2 linear and pointwise layers factorised")
    assert isinstance(network[1][1][0], Factored)
    assert isinstance(network[1][0][0], nn.Conv2d)
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert factorize(network, 0.99).startswith("0 of")  # halves are not halved again
