"""Branches that only training needs are folded before a file is written, and the folding is checked."""

import onnx
import pytest
import torch
from torch import nn

from nas.blocks.repvgg import RepVgg
from nas.cost.cost import CostModel
from nas.errors import NasError
from nas.export import ModelFacts, export_module
from nas.export.fold import checked_fold
from nas.model.network import build, count_params
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

IMAGES = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
ARCHITECTURE = Architecture(16, 3, Stem(8, stride=1), ((RepVgg(8), RepVgg(8)), (RepVgg(16, 2, 5),)), Head())


class Wrong(nn.Module):
    """Says that it can be folded, and becomes something else."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def forward(self, x):
        return self.scale * x.mean((2, 3))

    def reparameterize(self) -> None:
        self.scale = 2.0


@pytest.fixture
def network() -> nn.Module:
    made = build(ARCHITECTURE, seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        made(IMAGES)  # the batch norms learn other statistics than they begin with
    return made.eval()


def test_the_file_has_one_convolution_a_block(network: nn.Module, tmp_path) -> None:
    before = list(network.state_dict())
    found = export_module(network, "onnx", tmp_path, facts=ModelFacts(16), images=IMAGES)
    nodes = [node.op_type for node in onnx.load(tmp_path / found.file).graph.node]
    assert nodes.count("Conv") == 1 + 3  # the stem's, and one of each block
    assert "Add" not in nodes
    assert list(network.state_dict()) == before


def test_costs_are_those_of_the_folded_network(network: nn.Module) -> None:
    cost = CostModel().cost(ARCHITECTURE)
    assert cost.params == count_params(checked_fold(network, IMAGES)) < count_params(network)
    weights = 9 * 8 * 8 * 2 * 16 * 16 + 25 * 8 * 16 * 8 * 8
    stem, classifier = 27 * 8 * 16 * 16 + 2 * 8 * 16 * 16, 16 * 3
    assert cost.macs == weights + stem + classifier


def test_what_cannot_be_folded_is_itself() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()).eval()
    assert checked_fold(plain, IMAGES) is plain


def test_a_folding_that_changes_the_outputs_is_refused() -> None:
    with pytest.raises(NasError, match="folding .* changes the outputs"):
        checked_fold(Wrong().eval(), IMAGES)
