"""A block that opens a stage is timm's stage of depth one."""

import pytest
import torch
from timm.layers import LayerNorm2d
from timm.models.convnext import ConvNeXtStage

from nas.blocks.convnext import ConvNeXt


@pytest.mark.parametrize("stride", [1, 2])
def test_it_opens_a_stage_as_timm_does(stride: int) -> None:
    theirs = ConvNeXtStage(16, 24, stride=stride, depth=1, conv_mlp=True, norm_layer=LayerNorm2d).eval()
    ours = ConvNeXt(24, stride).build(16).eval()
    ours.load_state_dict({k.replace("blocks.0", "block"): v for k, v in theirs.state_dict().items()})
    x = torch.randn(2, 16, 8, 12)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))
