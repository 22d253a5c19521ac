import torch
from torch import nn

from nas import torch_compat

torch_compat.prepare()
from timm.layers import Attention  # noqa: E402  # it needs torchvision mended

from nas.export.rewrites.attention import SplitAttention, with_split_attention  # noqa: E402


def test_attention_is_split_in_a_copy_and_computes_the_same() -> None:
    torch.manual_seed(0)
    attention = Attention(12, num_heads=3, qkv_bias=True, qk_norm=True, norm_layer=nn.LayerNorm)
    network = nn.Sequential(nn.LayerNorm(12), nn.Sequential(attention)).eval()
    split = with_split_attention(network)
    assert isinstance(split[1][0], SplitAttention)
    assert isinstance(network[1][0], Attention)
    tokens = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(split(tokens), network(tokens))


def test_no_tensor_has_five_dimensions() -> None:
    split = with_split_attention(nn.Sequential(Attention(8, num_heads=2))).eval()
    program = torch.export.export(split, (torch.zeros(1, 4, 8),))
    assert max(node.meta["val"].ndim for node in program.graph.nodes if "val" in node.meta) <= 4


def test_other_networks_and_gated_attention_stay() -> None:
    network = nn.Sequential(nn.Linear(8, 8), Attention(8, num_heads=2, gated=True))
    assert with_split_attention(network) is network
