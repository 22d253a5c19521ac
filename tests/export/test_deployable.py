"""What is exported besides the winners of runs: timm models and architectures, with or without weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas import torch_compat
from nas.artefacts import save_winner
from nas.errors import UserError
from nas.export.deployable import Images, from_architecture, from_timm
from nas.export.run import export_all
from nas.jobs.export import Order, export_network
from nas.model.network import build
from nas.model.timm_network import build_timm
from nas.model.zoo import zoo_architecture

torch_compat.prepare()
DIGITS = Images("digits", resolution=32)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_file(build_timm("lcnet_050", 32, 10, seed=5).state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_a_timm_model_without_weights_has_its_own_classes_and_normalisation() -> None:
    found = from_timm("timm:mobilevit_xxs", Images("digits", resolution=64))
    assert (found.trained, found.labelled, found.facts.num_classes) == (False, False, 1000)
    assert found.facts.class_names == ()
    assert (found.data.mean, found.data.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert found.facts.macs is not None


def test_random_weights_leave_no_branch_without_effect() -> None:
    network = from_timm("timm:convnext_atto", Images("digits", resolution=32)).network
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = network(images)
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):  # what multiplies each residual branch
                parameter.zero_()
        assert not torch.allclose(before, network(images), rtol=0.1)


def test_a_checkpoint_of_the_datas_classes_is_labelled_and_normalised_as_in_training(weights: Path) -> None:
    found = from_timm(f"timm:lcnet_050={weights}", DIGITS)
    assert (found.trained, found.labelled, found.facts.num_classes) == (True, True, 10)
    assert found.facts.class_names == found.data.class_names
    assert found.data.mean == DIGITS.load(32).mean


def test_a_checkpoint_of_other_classes_keeps_them(weights: Path) -> None:
    found = from_timm(f"timm:lcnet_050={weights}", Images("sample-photos", resolution=32))
    assert (found.trained, found.labelled, found.facts.num_classes) == (True, False, 10)


def test_an_architecture_takes_the_weights_beside_it(tmp_path: Path) -> None:
    architecture = replace(zoo_architecture("lcnet_050"), resolution=32, num_classes=10)
    network = build(architecture, seed=3)
    save_winner(tmp_path, architecture, network)
    found = from_architecture(tmp_path / "architecture.json", DIGITS_ONLY)
    assert (found.trained, found.labelled) == (True, True)
    torch.testing.assert_close(found.network.state_dict(), network.state_dict())
    (tmp_path / "model.safetensors").unlink()
    assert not from_architecture(tmp_path / "architecture.json", DIGITS_ONLY).trained


DIGITS_ONLY = Images("digits")


def test_an_architecture_may_have_another_resolution(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_text(replace(zoo_architecture("lcnet_050"), num_classes=10).to_json())
    assert from_architecture(path, DIGITS).facts.resolution == 32
    with pytest.raises(UserError, match="resolution"):
        from_architecture(path, Images("digits", resolution=0))


@pytest.mark.slow
def test_a_timm_model_is_exported_with_its_name_for_timm(tmp_path: Path) -> None:
    order = Order("timm:lcnet_050", data="digits", resolution=32, out=tmp_path / "out")
    found = export_network(order, ("onnx", "onnx-int8", "timm"))
    assert [v.passed for v in found.verifications] == [True, True, True]
    assert found.verifications[1].notes == ("random weights: not judged by classes",)
    config = json.loads((tmp_path / "out" / "model.timm" / "config.json").read_text())
    assert (config["architecture"], config["num_classes"]) == ("lcnet_050", 1000)
    assert [p.name for p in (tmp_path / "out" / "model.timm").glob("*.py")] == []


@pytest.mark.slow
def test_a_model_with_position_embeddings_keeps_its_size_for_timm(tmp_path: Path) -> None:
    network = from_timm("timm:vit_tiny_patch16_224", Images("digits", resolution=64))
    assert export_all(network, ["timm"], tmp_path)[0].passed
