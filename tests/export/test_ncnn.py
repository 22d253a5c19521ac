"""ncnn's folder of tiny networks, and what pnnx does not translate."""

import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.export import ModelFacts
from nas.export.formats import missing_modules
from nas.export.ncnn import EXPORTER, PARAM, untranslated
from nas.export.verify import verify

FACTS = ModelFacts(8, ("a", "b"))
IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
installed = pytest.mark.skipif(bool(missing_modules("ncnn")), reason="ncnn or pnnx not installed")
HEAD = "7767517\n3 3\nInput in0 0 1 in0\n"


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ("Convolution c 1 1 in0 1 0=8\n", []),
        (
            "Tensor.reshape r 1 1 in0 1\ntorch.unbind u 1 3 1 2 3 4\nTensor.reshape s 1 1 2 5\n",
            ["Tensor.reshape", "torch.unbind"],
        ),
        ("pnnx.Expression e 1 1 in0 1 expr=add(@0,1)\n", ["pnnx.Expression"]),
    ],
)
def test_layers_that_are_pytorchs_still_are_found(layers, left) -> None:
    assert untranslated(HEAD + layers) == left


@installed
def test_the_folder_computes_what_pytorch_computes(tmp_path, capfd) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    EXPORTER.export(network.eval(), tmp_path / "model.ncnn", FACTS)
    found = verify(network, EXPORTER.load(tmp_path / "model.ncnn"), IMAGES, batch_sizes=EXPORTER.batch_sizes)
    assert found.relative < 1e-5
    assert capfd.readouterr() == ("", "")


@installed
def test_what_pnnx_leaves_is_refused_before_ncnn_sees_it(tmp_path) -> None:
    class Unbinding(nn.Module):
        def forward(self, image):
            parts = image.reshape(1, 3, 2, 4, 8).unbind(2)
            return (parts[0] + parts[1]).mean((2, 3))[:, :2]

    with pytest.raises(NasError, match="pnnx does not translate .*unbind"):
        EXPORTER.export(Unbinding().eval(), tmp_path / "model.ncnn", FACTS)
    assert not (tmp_path / "model.ncnn").exists()


@installed
def test_a_file_that_ends_ncnns_process_ends_in_one_line(tmp_path) -> None:
    folder = tmp_path / "model.ncnn"
    folder.mkdir()
    (folder / PARAM).write_text(HEAD + "Tensor.reshape r 1 1 in0 out0\n")
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(NasError, match="^ncnn: [^\n]*$"):
        EXPORTER.load(folder)(IMAGES[:1].numpy())
