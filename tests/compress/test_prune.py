import pytest
import torch
from torch import nn

from nas import torch_compat
from nas.compress.prune import prune
from nas.errors import NasError
from nas.model.network import count_params

pytest.importorskip("torch_pruning")
torch_compat.prepare()


def test_channels_leave_everywhere_and_the_classes_stay(network: nn.Module) -> None:
    before = count_params(network)
    assert prune(network, 0.5, side=32).endswith("of the weights removed")
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    depthwise = network[1][0][0]
    assert depthwise.groups == depthwise.out_channels == network[0][0].out_channels == 8
    assert count_params(network) < 0.5 * before


def test_widths_keep_the_multiple_of_the_target(network: nn.Module) -> None:
    prune(network, 0.3, side=32, channel_multiple=8)
    assert {m.out_channels % 8 for m in network.modules() if isinstance(m, nn.Conv2d)} == {0}


@pytest.mark.parametrize(
    ("ratio", "left"), [(0.2, [16, 24, 24]), (0.3, [8, 24, 24]), (0.6, [8, 16, 16]), (0.9, [8, 8, 8])]
)
def test_a_higher_ratio_never_removes_less(network: nn.Module, ratio: float, left: list[int]) -> None:
    prune(network, ratio, side=32, channel_multiple=8)
    assert [network[0][0].out_channels, network[1][1][0].out_channels, network[2][0].out_channels] == left
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_the_least_important_channels_leave() -> None:
    first, second = nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(4, 4, 1, bias=False)
    network = nn.Sequential(first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    first.weight.data[[1, 3]] *= 1e-3
    second.weight.data[:, [1, 3]] *= 1e-3
    kept = first.weight.data[[0, 2]].clone()
    prune(network, 0.5, side=8)
    torch.testing.assert_close(first.weight.data, kept)


def test_heads_of_a_joint_projection_leave_as_wholes() -> None:
    from timm.models.vision_transformer import VisionTransformer

    network = VisionTransformer(img_size=16, patch_size=8, embed_dim=32, depth=1, num_heads=4, num_classes=5).eval()
    prune(network, 0.5, side=16)
    attention = network.blocks[0].attn
    assert (attention.num_heads, attention.qkv.out_features, attention.proj.in_features) == (2, 48, 16)
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 5)


def test_our_attention_loses_heads_and_channels_around_it() -> None:
    from nas.blocks.transformer import Transformer

    block = Transformer(out_chs=32, num_heads=2, head_dim=8).build(32)
    network = nn.Sequential(
        nn.Conv2d(3, 32, 3, 2), block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4)
    ).eval()
    assert prune(network, 0.5, side=16).endswith(", 1 attention head")
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 4)
    assert network[0].out_channels == 16
    assert block.attn.query.out_channels == block.attn.proj.in_channels == 8


def test_layer_norm_in_the_place_of_batch_norm_is_pruned_with_its_channels() -> None:
    from nas.compress.form import form_of, restore, trainable
    from nas.model.network import build
    from nas.space.space import load_space

    whole = build(load_space("benchmarks/narrow-layer.yaml").for_classes(4).largest(), seed=0)
    network = trainable(build(load_space("benchmarks/narrow-layer.yaml").for_classes(4).largest(), seed=0))
    prune(network, 0.5, side=32)
    assert network.get_submodule("bn1").normalized_shape == (4,)
    again, images = restore(whole, form_of(network), network.state_dict()), torch.randn(2, 3, 32, 32)
    assert torch.equal(again(images), network(images))


def test_a_network_without_anything_to_remove_is_an_error() -> None:
    with pytest.raises(NasError, match="cannot be removed"):
        prune(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), 0.5, side=8)
