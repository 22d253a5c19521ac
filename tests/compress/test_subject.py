from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas import torch_compat
from nas.artefacts import save_winner
from nas.compress.subject import find_teacher, from_run, from_timm
from nas.errors import UserError
from nas.model.network import build
from nas.model.timm_network import build_timm
from nas.model.zoo import zoo_architecture

torch_compat.prepare()


def timm_subject(text: str):
    return from_timm(text, data="digits", root=None, resolution=32, target="host-cpu", seed=0)


def test_a_timm_model_is_made_for_the_classes_of_the_data() -> None:
    subject = timm_subject("timm:lcnet_050")
    assert not subject.trained
    assert subject.network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert subject.digest == timm_subject("timm:lcnet_050").digest


def test_a_file_of_the_same_classes_needs_no_training(tmp_path: Path) -> None:
    weights = build_timm("lcnet_050", 32, 10, seed=5).state_dict()
    save_file(weights, tmp_path / "w.safetensors")
    subject = timm_subject(f"timm:lcnet_050={tmp_path / 'w.safetensors'}")
    assert subject.trained
    torch.testing.assert_close(subject.network.state_dict(), weights)


def test_the_classifier_of_other_classes_is_left_out(tmp_path: Path) -> None:
    weights = build_timm("lcnet_050", 32, 7, seed=5).state_dict()
    save_file(weights, tmp_path / "w.safetensors")
    subject = timm_subject(f"timm:lcnet_050={tmp_path / 'w.safetensors'}")
    assert not subject.trained
    torch.testing.assert_close(subject.network.state_dict()["conv_stem.weight"], weights["conv_stem.weight"])


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file(build_timm("lcnet_075", 32, 10, seed=5).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="not the weights of this model"):
        timm_subject(f"timm:lcnet_050={tmp_path / 'w.safetensors'}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timm:lcnet_50", "did you mean 'lcnet_"),
        ("timm:lcnet_050=none.pth", "no such file"),
        ("timm:", "is not legal"),
    ],
)
def test_a_wrong_name_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        timm_subject(text)


def test_an_image_that_is_too_small_is_said() -> None:
    with pytest.raises(UserError, match="cannot run at 8 pixels"):
        build_timm("levit_128", 8, 10, seed=0)


def test_a_run_brings_its_data_target_and_network(tmp_path: Path) -> None:
    architecture = zoo_architecture("lcnet_050", resolution=32, num_classes=10)
    network = build(architecture, seed=1)
    save_winner(tmp_path / "run" / "winner", architecture, network)
    (tmp_path / "run" / "result.json").write_text('{"data": "digits", "seed": 0, "target": "jetson-orin"}')
    subject = from_run(tmp_path / "run", None)
    assert (subject.target, subject.data.name, subject.trained) == ("jetson-orin", "digits", True)
    assert from_run(tmp_path / "run", "host-cpu").target == "host-cpu"
    assert subject.build().state_dict().keys() == network.state_dict().keys()
    teacher, trained = find_teacher(str(tmp_path / "run"), subject, 0)
    assert trained
    torch.testing.assert_close(teacher.state_dict(), network.state_dict())
