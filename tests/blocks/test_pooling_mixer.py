"""Both forms are timm's blocks."""

import torch
from timm.layers import GroupNorm1
from timm.models.efficientformer import MetaBlock2d
from timm.models.metaformer import MetaFormerBlock
from torch import nn

from nas.blocks.pooling_mixer import PoolingMixer


def check_same(theirs: nn.Module, ours: nn.Module) -> None:
    weights = {k: torch.rand_like(v) if v.ndim else v for k, v in theirs.state_dict().items()}
    theirs.load_state_dict(weights)
    ours.load_state_dict(weights)
    x = torch.randn(2, 16, 7, 9)
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_with_batch_norm_it_is_efficientformers() -> None:
    check_same(MetaBlock2d(16, pool_size=3), PoolingMixer(16).build(16))


def test_with_group_norm_it_is_poolformers() -> None:
    theirs = MetaFormerBlock(16, mlp_act=nn.GELU, mlp_bias=True, norm_layer=GroupNorm1, layer_scale_init_value=1e-5)
    check_same(theirs, PoolingMixer(16, norm="group").build(16))
