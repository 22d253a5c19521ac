"""The zoo's architectures are timm's models: names, shapes, counts and outputs."""

import pytest
import timm
import torch

from nas.errors import UserError
from nas.model.network import build, count_params
from nas.model.zoo import ZOO, zoo_architecture


@pytest.mark.parametrize("name", ZOO)
def test_same_as_timm(name: str) -> None:
    torch.manual_seed(0)
    reference = timm.create_model(name).eval()
    network = build(zoo_architecture(name, resolution=96)).eval()
    expected = {key: tuple(value.shape) for key, value in reference.state_dict().items()}
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == expected
    assert count_params(network) == count_params(reference)
    for module in reference.modules():  # statistics away from 0 and 1, so that a wrong norm shows
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    network.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected_output = reference(x)
        difference = (network(x) - expected_output).abs().max()
    assert difference <= 1e-5 * max(1.0, float(expected_output.abs().max()))


def test_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="mobilenetv2_100"):
        zoo_architecture("mobilnetv2_100")
