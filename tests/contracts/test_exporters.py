"""What every export format keeps to; formats are found by themselves."""

import pytest
import torch
from torch import nn

from nas.errors import NasError, UserError
from nas.export import ModelFacts, export_module, exporter, format_names
from nas.export.formats import Quantizing, missing_modules
from nas.export.run import size_bytes
from nas.model.network import build
from nas.space.space import load_space


def enrolled(name: str):
    """Return a format as a parameter: skipped where its converter is missing, slow where it has one of its own."""
    missing = missing_modules(name)
    marks = [pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")]
    return pytest.param(name, marks=marks if missing or not exporter(name).needs else [*marks, pytest.mark.slow])


FORMATS = pytest.mark.parametrize("name", [enrolled(name) for name in format_names()])
QUICK = pytest.mark.parametrize("name", [n for n in format_names() if not missing_modules(n)])
SMALLEST = load_space("tiny-hybrid").for_classes(3).smallest()
FACTS = ModelFacts(32, class_names=("cat", "dog", "emu"), architecture=SMALLEST)


class Doubled:
    """An exporter whose files compute something else."""

    def __init__(self, name: str) -> None:
        real = exporter(name)
        self.suffix, self.batch_sizes, self.tolerance = real.suffix, real.batch_sizes, real.tolerance
        self.folds, self.needs, self.extra = real.folds, real.needs, real.extra
        self._real = real
        if isinstance(real, Quantizing):
            self.calibrated, self.load_plain = real.calibrated, real.load_plain

    def export(self, module, path, facts):
        self._real.export(module, path, facts)

    def load(self, path):
        run = self._real.load(path)
        return lambda images: 2 * run(images)

    def snippet(self, path, facts):
        return self._real.snippet(path, facts)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build(SMALLEST, seed=0).eval()


def test_onnx_is_there() -> None:
    assert "onnx" in format_names()


@QUICK
def test_a_format_says_what_it_needs(name: str) -> None:
    chosen = exporter(name)
    assert chosen.suffix.startswith(".")
    assert chosen.batch_sizes
    assert (chosen.tolerance is None) == isinstance(chosen, Quantizing)
    assert chosen.tolerance is None or 0 < chosen.tolerance < 0.1
    assert not chosen.needs or chosen.extra


@QUICK
def test_the_lines_that_run_a_file_are_few_and_name_it(name: str) -> None:
    found = exporter(name).snippet("some/place/model", FACTS)
    assert len(found.text.splitlines()) <= 5
    assert "some/place/model" in found.text
    if found.language == "python":
        compile(found.text, name, "exec")


def test_no_two_formats_write_the_same_file() -> None:
    found = [exporter(name).suffix for name in format_names() if not missing_modules(name)]
    assert len(found) == len(set(found))


@FORMATS
def test_the_file_computes_what_the_module_computes(name: str, network: nn.Module, tmp_path) -> None:
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = export_module(network, name, tmp_path, facts=FACTS, images=images, calibration=images)
    assert found.passed
    assert found.tolerance is None or found.relative_difference <= found.tolerance
    assert size_bytes(tmp_path / found.file) == found.file_bytes
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    with torch.no_grad():
        expected = network(images[:1]).numpy()
    allowed = 1e-3 if found.tolerance is not None else 0.3 * float(abs(expected).max())
    assert exporter(name).load(tmp_path / found.file)(images[:1].numpy()) == pytest.approx(expected, abs=allowed)


@FORMATS
def test_a_file_that_computes_something_else_is_rejected(name: str, network: nn.Module, tmp_path, monkeypatch) -> None:
    wrong = Doubled(name)
    monkeypatch.setattr("nas.export.run.exporter", lambda _: wrong)
    images = torch.randn(16, 3, 32, 32)
    with pytest.raises(NasError, match="does NOT match PyTorch"):
        export_module(network, name, tmp_path, facts=FACTS, images=images, calibration=images)
    assert [p.name for p in tmp_path.glob("model*")] == [f"model{wrong.suffix}.rejected"]


@QUICK
def test_what_integers_need_is_asked_for(name: str, network: nn.Module, tmp_path) -> None:
    if not isinstance(exporter(name), Quantizing):
        return
    with pytest.raises(UserError, match="images of the training split are needed"):
        export_module(network, name, tmp_path / "out", facts=FACTS, images=torch.zeros(1, 3, 32, 32))
    assert not (tmp_path / "out").exists()


@QUICK
def test_without_images_nothing_is_written(name: str, network: nn.Module, tmp_path) -> None:
    with pytest.raises(UserError, match="at least one image"):
        export_module(network, name, tmp_path / "out", facts=FACTS, images=torch.zeros(0, 3, 32, 32))
    assert not (tmp_path / "out").exists()
