"""Simulated integers: what is rounded, and that it foretells what an engine's integers compute."""

from pathlib import Path

import pytest
import torch
from torch import nn

from nas.training.fake_quant import rounded_weights, simulate_int8


def batches(*shape: int, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(*shape, generator=generator), torch.zeros(shape[0]).long())]


def test_each_output_channel_keeps_255_values_about_zero() -> None:
    weight = torch.randn(4, 8, 3, 3) * torch.tensor([0.01, 1.0, 10.0, 1000.0]).view(4, 1, 1, 1)
    rounded = rounded_weights(weight)
    for channel, before in zip(rounded, weight, strict=True):
        step = before.abs().max() / 127
        assert torch.allclose(channel / step, (channel / step).round(), atol=1e-3)
        assert (channel - before).abs().max() <= 0.5001 * step


def test_a_dead_channel_stays_zero() -> None:
    assert torch.equal(rounded_weights(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_what_a_layer_is_given_is_rounded_as_torch_rounds_it() -> None:
    network = nn.Sequential(nn.Linear(8, 3))
    [(images, _)] = batches(64, 8)
    low, high = min(0.0, float(images.min())), max(0.0, float(images.max()))
    scale = (high - low) / 255
    x = torch.fake_quantize_per_tensor_affine(images, scale, round(-low / scale), 0, 255)
    expected = nn.functional.linear(x, rounded_weights(network[0].weight), network[0].bias)
    assert torch.allclose(simulate_int8(network, batches(64, 8))(images), expected, atol=1e-6)


def test_the_network_itself_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    before = [p.clone() for p in network.parameters()]
    simulate_int8(network, batches(4, 3, 8, 8))
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not network[0]._forward_pre_hooks


@pytest.mark.slow
def test_it_foretells_the_integers_of_an_engine(tmp_path: Path) -> None:
    """Errors of the simulation are as large as those of ONNX Runtime's integers, and point the same way."""
    from nas.export.formats import ModelFacts
    from nas.export.onnx_int8 import EXPORTER
    from nas.model.network import build
    from nas.model.zoo import zoo_architecture

    network = build(zoo_architecture("mobilenetv2_050", resolution=32, num_classes=10), seed=0).eval()
    [(images, labels)] = batches(64, 3, 32, 32)
    exporter = EXPORTER.calibrated(images)
    exporter.export(network, tmp_path / "n.onnx", ModelFacts(32, tuple(map(str, range(10)))))
    real = torch.as_tensor(exporter.load(tmp_path / "n.onnx")(images.numpy()))
    with torch.no_grad():
        plain, simulated = network(images), simulate_int8(network, [(images, labels)])(images)
    errors = torch.stack([(real - plain).flatten(), (simulated - plain).flatten()])
    sizes = errors.square().mean(dim=1).sqrt()
    assert 2 / 3 < sizes[0] / sizes[1] < 3 / 2
    assert torch.corrcoef(errors)[0, 1] > 0.3
