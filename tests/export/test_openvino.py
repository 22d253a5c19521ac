"""OpenVINO's folder of one tiny network."""

import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.export import ModelFacts
from nas.export.formats import missing_modules
from nas.export.openvino import EXPORTER, MODEL, converted
from nas.export.verify import verify

FACTS = ModelFacts(8, ("a", "b"), digest="abc")
IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
pytestmark = pytest.mark.skipif(bool(missing_modules("openvino")), reason="openvino not installed")


def test_what_is_no_onnx_is_refused_in_one_line() -> None:
    with pytest.raises(NasError, match="openvino: the network cannot be converted: [^\n]*$"):
        converted(b"nothing of the kind", FACTS)


@pytest.mark.slow
def test_the_folder_computes_what_pytorch_computes_and_says_what_it_is(tmp_path, capfd) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    EXPORTER.export(network.eval(), tmp_path / "model.openvino", FACTS)
    found = verify(network, EXPORTER.load(tmp_path / "model.openvino"), IMAGES, batch_sizes=EXPORTER.batch_sizes)
    assert found.relative < 1e-5
    text = (tmp_path / "model.openvino" / MODEL).read_text(encoding="utf-8")
    assert '<digest value="abc"' in text
    assert capfd.readouterr() == ("", "")
