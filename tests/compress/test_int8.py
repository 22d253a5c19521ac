from pathlib import Path

import pytest
import torch
from torch import nn

from nas.compress import int8, program
from nas.errors import NasError, UserError

pytest.importorskip("torchao")
IMAGES = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.slow
def test_eight_bits_stay_near_the_network_and_come_back_from_disk(network: nn.Module, tmp_path: Path) -> None:
    wanted = network(IMAGES)
    graph = int8.quantize(network, IMAGES)
    found = graph(IMAGES)
    assert 0 < (found - wanted).abs().max() < 0.1 * wanted.abs().max()
    program.save(graph, tmp_path / "n.pt2", IMAGES)
    torch.testing.assert_close(program.load(tmp_path / "n.pt2")(IMAGES[:3]), found[:3], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_training_with_eight_bits_reaches_the_weights(network: nn.Module) -> None:
    def train(rounded: nn.Module) -> None:
        rounded.train()
        rounded(IMAGES).square().mean().backward()
        torch.optim.SGD(rounded.parameters(), lr=0.1).step()
        rounded.eval()

    graph = int8.quantize_in_training(network, IMAGES, train)
    assert torch.isfinite(graph(IMAGES[:2])).all()
    assert torch.int8 in {t.dtype for t in graph.state_dict().values()} | {t.dtype for t in graph.buffers()}


class Undecided(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_a_network_that_cannot_be_exported_is_one_line() -> None:
    with pytest.raises(NasError, match="cannot be quantised"):
        int8.quantize(Undecided(), IMAGES)


def test_a_broken_program_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "n.pt2").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable program"):
        program.load(tmp_path / "n.pt2")
