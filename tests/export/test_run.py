import contextlib
import importlib
import json
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from nas.artefacts import save_winner
from nas.errors import NasError, UserError
from nas.export import ModelFacts, export_module, export_run
from nas.export.deployable import read_result
from nas.model.network import build
from nas.model.zoo import zoo_architecture

FACTS = ModelFacts(8, ("a", "b"))
IMAGES = torch.randn(9, 3, 8, 8, generator=torch.Generator().manual_seed(3))


@dataclass(frozen=True)
class ToyExporter:
    """Writes nothing but a marker; its runtime adds `error` to the first logit."""

    module: nn.Module
    error: float
    suffix: str = ".toy"
    batch_sizes: tuple[int, ...] = (1, 8)
    tolerance: float = 1e-4
    folds: bool = True

    def export(self, module, path, facts):
        path.write_text("toy")

    def load(self, path):
        def run(images):
            logits = self.module(torch.from_numpy(images)).detach().numpy()
            logits[:, 0] += self.error
            return logits

        return run


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 2))


@pytest.fixture
def use_toy(network, monkeypatch):
    def use(error):
        monkeypatch.setattr("nas.export.run.exporter", lambda name: ToyExporter(network, error))

    return use


def test_a_verified_file_gets_its_name_and_a_record(network, use_toy, tmp_path):
    use_toy(0.0)
    verification = export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
    assert verification.passed
    assert verification.images == 9
    assert {p.name for p in tmp_path.iterdir()} == {"model.toy", "verification.json"}
    [entry] = json.loads((tmp_path / "verification.json").read_text())
    assert entry["passed"] is True
    assert entry["batch_sizes"] == [1, 8]


@pytest.mark.parametrize("error", [10.0, float("nan")])
def test_a_wrong_file_is_rejected_and_kept(network, use_toy, tmp_path, error):
    use_toy(error)
    with pytest.raises(NasError, match="does NOT match PyTorch.*kept as"):
        export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
    assert {p.name for p in tmp_path.iterdir()} == {"model.toy.rejected", "verification.json"}
    assert json.loads((tmp_path / "verification.json").read_text())[0]["passed"] is False


def test_a_later_verification_takes_the_place_of_the_earlier(network, use_toy, tmp_path):
    use_toy(10.0)
    with pytest.raises(NasError):
        export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
    use_toy(0.0)
    export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
    assert [e["passed"] for e in json.loads((tmp_path / "verification.json").read_text())] == [True]


def test_a_file_and_its_rejected_form_are_never_there_together(network, use_toy, tmp_path):
    for error in (10.0, 0.0, 10.0):
        use_toy(error)
        with contextlib.suppress(NasError):
            export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
        name = "model.toy.rejected" if error else "model.toy"
        assert [p.name for p in tmp_path.glob("model*")] == [name]


def test_a_file_that_its_runtime_does_not_run_is_rejected(network, monkeypatch, tmp_path):
    class Broken(ToyExporter):
        def load(self, path):
            raise NasError("the runtime does not take it")

    monkeypatch.setattr("nas.export.run.exporter", lambda name: Broken(network, 0.0))
    with pytest.raises(NasError, match="does not take it; kept as .*rejected"):
        export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
    assert [p.name for p in tmp_path.iterdir()] == ["model.toy.rejected"]


def test_labels_give_accuracies(network, use_toy, tmp_path):
    use_toy(0.0)
    with torch.no_grad():
        labels = network(IMAGES).argmax(1)
    found = export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES, labels=1 - labels)
    assert (found.accuracy, found.pytorch_accuracy) == (0.0, 0.0)


def test_the_module_is_left_as_it_was(network, use_toy, tmp_path):
    use_toy(0.0)
    network.train()
    export_module(network, "toy", tmp_path, facts=FACTS, images=IMAGES)
    assert network.training


def test_no_images_is_refused(network, tmp_path):
    with pytest.raises(UserError, match="at least one image"):
        export_module(network, "onnx", tmp_path, facts=FACTS, images=IMAGES[:0])


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match="did you mean 'onnx'"):
        export_run(tmp_path, ["onxx"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "message"), [(None, "not found"), ("{", "not valid JSON"), ("[]", "mapping")])
def test_a_run_without_a_readable_result_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_result(tmp_path)


@pytest.fixture
def run_dir(tmp_path):
    architecture = replace(zoo_architecture("mobilenetv2_100"), resolution=32, num_classes=10)
    network = build(architecture, seed=0)
    network(torch.randn(16, 3, 32, 32))  # so that batch norm has seen something
    save_winner(tmp_path / "winner", architecture, network)
    result = {"data": "digits", "seed": 0, "winner": {"macs": 123}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    return tmp_path


@pytest.mark.slow
def test_the_winner_of_a_run_is_exported_and_verified_on_held_out_images(run_dir, monkeypatch):
    monkeypatch.setattr(
        importlib.import_module("nas.export.verify"), "LEAST_INTEGER_AGREEMENT", 0.5
    )  # it was not trained
    verification, integers = export_run(run_dir, ["onnx", "onnx-int8"])
    assert verification.passed
    assert (verification.images, verification.accuracy) == (64, None)
    assert (integers.images, integers.calibration_images) == (359, 128)
    assert integers.accuracy == pytest.approx(integers.pytorch_accuracy, abs=0.1)
    assert (run_dir / "export" / "model.onnx").stat().st_size == verification.file_bytes


@pytest.mark.slow
def test_a_format_that_fails_does_not_keep_the_others_from_being_written(run_dir, monkeypatch):
    verify = importlib.import_module("nas.export.verify")
    for least in ("LEAST_INTEGER_AGREEMENT", "LEAST_EXCUSED_AGREEMENT"):
        monkeypatch.setattr(verify, least, 1.1)
    with pytest.raises(NasError, match=r"model.int8.onnx does NOT match.*\nmodel.onnx matches"):
        export_run(run_dir, ["onnx-int8", "onnx"])
    names = {p.name for p in (run_dir / "export").iterdir()}
    assert names == {"model.int8.onnx.rejected", "model.onnx", "verification.json"}
