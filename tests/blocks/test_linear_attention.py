"""The block computes what timm's packed one does."""

import torch
from timm.models.efficientvit_mit import EfficientVitBlock
from torch import Tensor, nn

from nas.blocks.linear_attention import LinearAttention

HEADS, DIM = 2, 8
CHS = HEADS * DIM


def unpacked(name: str, weight: Tensor) -> dict[str, Tensor]:
    """Take timm's query, key and value apart; in each head they stand one behind the other."""
    *_, which = name.partition("context_module.main.")
    new = {
        "qkv.conv.weight": "{}.weight",
        "aggreg.0.0.weight": "{}_sum.0.weight",
        "aggreg.0.1.weight": "{}_sum.1.weight",
    }
    if which not in new:
        return {name: weight}
    rows = weight.reshape(HEADS, 3, DIM, *weight.shape[1:])
    return {
        "context_module.main." + new[which].format(part): rows[:, i].reshape(CHS, *weight.shape[1:])
        for i, part in enumerate(("query", "key", "value"))
    }


def test_it_is_timms_block_with_query_key_and_value_apart() -> None:
    theirs = EfficientVitBlock(CHS, head_dim=DIM).eval()
    ours = LinearAttention(CHS, num_heads=HEADS, head_dim=DIM).build(CHS).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
    weights = theirs.state_dict()
    ours.load_state_dict({k: v for name, w in weights.items() for k, v in unpacked(name, w).items()})
    x = torch.randn(2, CHS, 7, 9)
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs(x), atol=1e-5)
