"""What every export format keeps to; formats are found by themselves."""

import pytest
import torch
from torch import nn

from nas.errors import NasError, UserError
from nas.export import ModelFacts, export_module, exporter, format_names
from nas.export.run import size_bytes
from nas.model.network import build
from nas.space.space import load_space

FORMATS = pytest.mark.parametrize("name", format_names())
SMALLEST = load_space("tiny-hybrid").for_classes(3).smallest()
FACTS = ModelFacts(32, class_names=("cat", "dog", "emu"), architecture=SMALLEST)


class Doubled:
    """An exporter whose files compute something else."""

    def __init__(self, name: str) -> None:
        real = exporter(name)
        self.suffix, self.batch_sizes, self.tolerance = real.suffix, real.batch_sizes, real.tolerance
        self.folds = real.folds
        self.export = real.export
        self._load = real.load

    def load(self, path):
        run = self._load(path)
        return lambda images: 2 * run(images)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build(SMALLEST, seed=0).eval()


def test_onnx_is_there() -> None:
    assert "onnx" in format_names()


@FORMATS
def test_a_format_says_what_it_needs(name: str) -> None:
    chosen = exporter(name)
    assert chosen.suffix.startswith(".")
    assert chosen.batch_sizes
    assert 0 < chosen.tolerance < 0.1


@FORMATS
def test_the_file_computes_what_the_module_computes(name: str, network: nn.Module, tmp_path) -> None:
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = export_module(network, name, tmp_path, facts=FACTS, images=images)
    assert found.passed
    assert found.relative_difference <= exporter(name).tolerance
    assert size_bytes(tmp_path / found.file) == found.file_bytes
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    with torch.no_grad():
        expected = network(images[:1]).numpy()
    assert exporter(name).load(tmp_path / found.file)(images[:1].numpy()) == pytest.approx(expected, abs=1e-3)


@FORMATS
def test_a_file_that_computes_something_else_is_rejected(name: str, network: nn.Module, tmp_path, monkeypatch) -> None:
    wrong = Doubled(name)
    monkeypatch.setattr("nas.export.run.exporter", lambda _: wrong)
    with pytest.raises(NasError, match="does NOT match PyTorch"):
        export_module(network, name, tmp_path, facts=FACTS, images=torch.randn(4, 3, 32, 32))
    assert [p.name for p in tmp_path.glob("model*")] == [f"model{wrong.suffix}.rejected"]


@FORMATS
def test_without_images_nothing_is_written(name: str, network: nn.Module, tmp_path) -> None:
    with pytest.raises(UserError, match="at least one image"):
        export_module(network, name, tmp_path / "out", facts=FACTS, images=torch.zeros(0, 3, 32, 32))
    assert not (tmp_path / "out").exists()
