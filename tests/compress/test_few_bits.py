import pytest
import torch
from torch import nn

from nas.compress.few_bits import FEW_BITS, Binary, Int4, rounded_layers, stored_bytes, train_few_bits


def test_int4_has_fifteen_steps_a_group() -> None:
    weight = torch.randn(3, 40)
    rounded = Int4()(weight)
    for group in (rounded[0, :32], rounded[0, 32:]):
        assert len(group.unique()) <= 15
    assert (rounded - weight).abs().max() < weight.abs().max() / 13


def test_binary_has_two_values_a_channel() -> None:
    rounded = Binary()(torch.randn(4, 5, 3, 3))
    assert all(len(channel.unique()) == 2 for channel in rounded)


@pytest.mark.parametrize("kind", FEW_BITS.values())
def test_the_gradient_goes_through(kind: type[nn.Module]) -> None:
    weight = torch.randn(4, 8, requires_grad=True)
    kind()(weight).sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones(4, 8))


@pytest.mark.parametrize("name", FEW_BITS)
def test_training_leaves_plain_layers_of_few_values(network: nn.Module, name: str) -> None:
    seen: list[bool] = []
    train_few_bits(network, name, lambda: seen.append(hasattr(network[1][1][0], "parametrizations")))
    assert seen == [True]
    assert set(network.state_dict()) == {key for key in network.state_dict() if "parametrizations" not in key}
    assert len(network[1][1][0].weight[0].unique()) <= (15 if name == "int4" else 2)


def test_ends_and_depthwise_layers_keep_their_numbers_in_binary(network: nn.Module) -> None:
    assert list(rounded_layers(network, "binary")) == ["1.1.0", "2.0"]
    assert len(rounded_layers(network, "int4")) == 5


def test_sizes_are_counted_in_bits_and_scales() -> None:
    layer = nn.Linear(64, 8)
    assert stored_bytes(layer, "int4") == 64 * 8 // 2 + 8 * 2 * 2 + 4 * 8  # weights, two scales a row, biases
