import pytest
import torch

from nas.blocks.attention2d import MultiHeadAttention2d
from nas.blocks.low_rank import factorize
from nas.compress.heads import prune_heads

PARTS = ("query", "key", "value", "proj")


def attention(*, rank: float = 1.0) -> MultiHeadAttention2d:
    torch.manual_seed(0)
    made = MultiHeadAttention2d(32, 32, num_heads=4, head_dim=8, bias=True)
    factorize(made, PARTS, rank)
    return made.eval()


@pytest.mark.parametrize("rank", [1.0, 0.5])
def test_heads_that_give_nothing_leave_and_nothing_changes(rank: float) -> None:
    made = attention(rank=rank)
    silent = torch.arange(8, 16)  # the second head: neither made nor read
    for part in ("query", "key", "value"):
        last = [m for m in getattr(made, part).modules() if isinstance(m, torch.nn.Conv2d)][-1]
        last.weight.data[silent] = 0
        last.bias.data[silent] = 0
    first = next(m for m in made.proj.modules() if isinstance(m, torch.nn.Conv2d))
    first.weight.data[:, silent] = 0
    x = torch.randn(2, 32, 5, 5)
    before = made(x)
    assert prune_heads(made, 0.3) == 1
    assert first.in_channels == 24
    assert torch.allclose(made(x), before, atol=1e-6)


@pytest.mark.parametrize(("ratio", "removed"), [(0.2, 0), (0.25, 1), (0.6, 2), (0.99, 3)])
def test_a_share_rounded_down_leaves_and_one_stays(ratio: float, removed: int) -> None:
    made = attention()
    assert prune_heads(made, ratio) == removed
    assert made(torch.randn(1, 32, 3, 3)).shape == (1, 32, 3, 3)
