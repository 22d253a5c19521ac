"""The fused operator computes and costs what the explicit matrix products do."""

import pytest
import torch
from torch import nn

from nas.blocks import Block
from nas.blocks.attention2d import use_fused_attention
from nas.blocks.conv import Conv
from nas.blocks.mobile_attention import MobileAttention
from nas.blocks.transformer import Transformer
from nas.cost.trace import trace_module

BLOCKS = [
    MobileAttention(16),
    MobileAttention(16, kv_stride=2, num_heads=2),
    Transformer(16, num_heads=4),
    Transformer(16, num_heads=2, window_size=3),
]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_both_forms_compute_and_cost_the_same(block: Block) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(block.build(16), block.build(16)).eval()
    x = torch.randn(2, 16, 7, 9)
    with torch.no_grad():
        explicit = network(x)
    traced = trace_module(network, (16, 7, 9))
    assert use_fused_attention(network) == 2
    with torch.no_grad():
        assert torch.allclose(network(x), explicit, atol=1e-5)
    fused = trace_module(network, (16, 7, 9))
    assert "attention" in {op.name for op in fused.ops}
    assert "softmax" not in {op.name for op in fused.ops}
    assert (fused.macs, fused.params, fused.uncovered) == (traced.macs, traced.params, ())
    assert use_fused_attention(network, False) == 2
    assert trace_module(network, (16, 7, 9)) == traced


def test_a_network_without_attention_has_none() -> None:
    assert use_fused_attention(Conv(8).build(8)) == 0
