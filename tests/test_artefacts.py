from dataclasses import replace

import pytest
import torch
from torch import nn

from nas.artefacts import load_weights, load_winner, save_weights, save_winner
from nas.errors import UserError
from nas.model.network import build
from nas.model.zoo import zoo_architecture


def make_network(seed, width=4):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width))


def test_weights_come_back_exactly(tmp_path):
    saved, loaded = make_network(0), make_network(1)
    save_weights(saved, tmp_path / "w.safetensors", digest="d1")
    load_weights(loaded, tmp_path / "w.safetensors", digest="d1")
    for name, tensor in saved.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_weights(make_network(0), tmp_path / "w.safetensors", digest="d1")
    with pytest.raises(UserError, match="'d1', but 'd2' is wanted"):
        load_weights(make_network(0), tmp_path / "w.safetensors", digest="d2")


def test_weights_that_do_not_fit_are_refused(tmp_path):
    save_weights(make_network(0), tmp_path / "w.safetensors", digest="d1")
    with pytest.raises(UserError, match="do not fit"):
        load_weights(make_network(0, width=5), tmp_path / "w.safetensors", digest="d1")


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(UserError, match="not a safetensors file"):
        load_weights(make_network(0), tmp_path / "w.safetensors", digest="d1")


def test_a_missing_winner_is_one_message(tmp_path):
    with pytest.raises(UserError, match="architecture.json: not found"):
        load_winner(tmp_path)


def test_a_winner_comes_back_whole(tmp_path):
    architecture = replace(zoo_architecture("mobilenetv2_100"), resolution=32, num_classes=3)
    network = build(architecture, seed=0).eval()
    save_winner(tmp_path, architecture, network)
    loaded_architecture, loaded = load_winner(tmp_path)
    images = torch.randn(2, 3, 32, 32)
    assert loaded_architecture == architecture
    assert not loaded.training
    assert torch.equal(loaded(images), network(images))
