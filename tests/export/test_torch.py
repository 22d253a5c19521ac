"""A program of torch.export: any batch, and what it says about itself."""

import json

import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.export import ModelFacts
from nas.export.torch import EXPORTER, METADATA

FACTS = ModelFacts(8, ("Äpfel", "pears"), digest="0123456789abcdef")


def test_a_file_takes_any_batch_and_says_what_it_holds(tmp_path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)).eval()
    path = tmp_path / "model.pt2"
    EXPORTER.export(network, path, FACTS)
    run = EXPORTER.load(path)
    for batch in (1, 2, 5):
        images = torch.randn(batch, 3, 8, 8)
        with torch.no_grad():
            assert run(images.numpy()) == pytest.approx(network(images).numpy(), abs=1e-5)
    said = {METADATA: ""}
    torch.export.load(path, extra_files=said)
    assert json.loads(json.loads(said[METADATA])["class_names"]) == ["Äpfel", "pears"]


class Unexportable(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            raise ValueError("positive")
        return x.flatten(1)


def test_a_network_that_cannot_be_exported_ends_in_one_line(tmp_path, capfd) -> None:
    with pytest.raises(NasError, match="^torch: the network cannot be exported: [^\n]*$"):
        EXPORTER.export(Unexportable().eval(), tmp_path / "model.pt2", FACTS)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
