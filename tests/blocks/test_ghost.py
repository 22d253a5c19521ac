"""The bottleneck is timm's, and its halves are sliced half by half."""

import torch
from timm.models.ghostnet import GhostBottleneck

from nas.blocks.ghost import Ghost
from nas.model.slicing import packed_weights, slice_like


def test_it_is_timms_bottleneck() -> None:
    theirs = GhostBottleneck(16, 72, 24, dw_kernel_size=5, stride=2, se_ratio=0.25).eval()
    ours = Ghost(24, 2, 5, exp_ratio=4.5, se=True).build(16).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 16, 9, 9)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_a_narrower_one_computes_leading_channels_of_each_half() -> None:
    packed = packed_weights(Ghost)
    wide, narrow = Ghost(16, 2, exp_ratio=4.0).build(16).eval(), Ghost(16, 2, exp_ratio=2.0).build(16).eval()
    shared = wide.state_dict()
    narrow.load_state_dict(
        {
            name: slice_like(shared[name], tuple(w.shape), packed.get(name, ()))
            for name, w in narrow.state_dict().items()
        }
    )
    x = torch.randn(2, 16, 8, 8)
    with torch.no_grad():
        halves = wide.bn_dw(wide.conv_dw(wide.ghost1(x))).reshape(2, 2, 32, 16)
        assert torch.allclose(
            narrow.bn_dw(narrow.conv_dw(narrow.ghost1(x))), halves[:, :, :16].reshape(2, 32, 4, 4), atol=1e-6
        )
