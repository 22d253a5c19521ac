import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from nas import torch_compat
from nas.compress.form import Factored, form_of
from nas.compress.lowrank import factorize
from nas.compress.prune import prune
from nas.compress.store import load_network, save_network
from nas.errors import UserError

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_a_pruned_and_factorised_network_comes_back(network: nn.Module, tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning")
    original = copy.deepcopy(network)
    prune(network, 0.5, side=32)
    factorize(network, 0.5)
    prune(network, 0.25, side=32)  # between the halves too
    save_network(network, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors", lambda: original)
    torch.testing.assert_close(again(IMAGES), network(IMAGES))
    assert form_of(again) == form_of(network)
    again.train()(IMAGES).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in again.parameters())


def test_numbers_of_layers_follow_their_weights(network: nn.Module, tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning")
    original = copy.deepcopy(network)
    prune(network, 0.5, side=32)
    save_network(network, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors", lambda: original)
    assert [str(m) for m in again.modules()] == [str(m) for m in network.modules()]


def test_pruned_heads_come_back(tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning")
    torch_compat.prepare()
    from timm.models.vision_transformer import VisionTransformer

    def build() -> nn.Module:
        return VisionTransformer(img_size=16, patch_size=8, embed_dim=32, depth=1, num_heads=4, num_classes=5).eval()

    network = build()
    prune(network, 0.5, side=16)
    save_network(network, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors", build)
    images = IMAGES[..., :16, :16]
    torch.testing.assert_close(again(images), network(images))


def test_branches_that_were_folded_stay_folded(tmp_path: Path) -> None:
    from nas.blocks.repvgg import RepVgg
    from nas.compress.form import trainable

    def build() -> nn.Module:
        return nn.Sequential(RepVgg(out_chs=8).build(3)).eval()

    network = trainable(build())
    save_network(network, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors", build)
    torch.testing.assert_close(again(IMAGES), network(IMAGES))
    assert again.state_dict().keys() == network.state_dict().keys() != build().state_dict().keys()


def test_weights_of_another_network_are_refused(network: nn.Module, tmp_path: Path) -> None:
    save_network(network, tmp_path / "n.safetensors")
    with pytest.raises(UserError, match="do not belong to this network"):
        load_network(tmp_path / "n.safetensors", lambda: nn.Sequential(nn.Linear(2, 2)))
    (tmp_path / "n.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable network"):
        load_network(tmp_path / "n.safetensors", lambda: network)


def test_a_factored_layer_is_known_by_its_rank(network: nn.Module) -> None:
    network[5].weight.data[1:] = network[5].weight.data[0]
    factorize(network, 0.9)
    assert isinstance(network[5], Factored)
    assert form_of(network).factored["5"] == 1
