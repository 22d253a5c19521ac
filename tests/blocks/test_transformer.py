"""Windowed attention is attention inside each square of the map."""

import pytest
import torch

from nas.blocks.transformer import Transformer, from_windows, to_windows


@pytest.mark.parametrize("size", [2, 3, 4, 16])
def test_windows_come_back_together(size: int) -> None:
    x = torch.randn(2, 3, 7, 9)
    windows, rows = to_windows(x, size)
    assert windows.shape == (2 * -(-7 // size) * -(-9 // size), 3, size, size)
    assert torch.equal(from_windows(windows, 2, rows)[:, :, :7, :9], x)


def test_a_window_sees_itself_alone() -> None:
    whole, windowed = Transformer(8).build(8).eval(), Transformer(8, window_size=4).build(8).eval()
    windowed.load_state_dict(whole.state_dict())
    x = torch.randn(2, 8, 8, 12)
    with torch.no_grad():
        out = windowed._attend(x)
        for top in (0, 4):
            for left in (0, 4, 8):
                square = (..., slice(top, top + 4), slice(left, left + 4))
                assert torch.allclose(out[square], whole.attn(x[square]), atol=1e-6)


def test_a_window_as_large_as_the_map_is_global_attention() -> None:
    whole, windowed = Transformer(8).build(8).eval(), Transformer(8, window_size=8).build(8).eval()
    windowed.load_state_dict(whole.state_dict())
    x = torch.randn(2, 8, 8, 8)
    with torch.no_grad():
        assert torch.allclose(whole(x), windowed(x), atol=1e-6)
