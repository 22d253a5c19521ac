"""ExecuTorch's programs of one tiny network: in floating point and in integers."""

import pytest
import torch
from torch import nn

from nas.errors import NasError, UserError
from nas.export import ModelFacts, exporter
from nas.export.executorch import open_program
from nas.export.executorch_int8 import EXPORTER as INT8
from nas.export.formats import missing_modules
from nas.export.verify import verify

FACTS = ModelFacts(8, ("a", "b"))
IMAGES = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1))
INSTALLED = not missing_modules("executorch") and not missing_modules("executorch-int8")
pytestmark = pytest.mark.skipif(not INSTALLED, reason="executorch not installed")


def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*body, nn.Linear(8, 2)).eval()


@pytest.mark.slow
def test_both_programs_compute_what_pytorch_computes_and_say_nothing(tmp_path, capfd) -> None:
    for chosen in (exporter("executorch"), INT8.calibrated(IMAGES)):
        path = tmp_path / f"model{chosen.suffix}"
        chosen.export(network(), path, FACTS)
        found = verify(network(), chosen.load(path), IMAGES, batch_sizes=(1,))
        assert found.sqnr_db is not None
        assert found.sqnr_db > (100 if chosen.tolerance else 25)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_what_is_no_program_is_refused_in_one_line(tmp_path) -> None:
    (tmp_path / "model.pte").write_bytes(b"no such thing, and long enough to be looked at" * 4)
    with pytest.raises(NasError, match="ExecuTorch does not take it: [^\n]*$"):
        open_program(tmp_path / "model.pte")


def test_integers_want_images(tmp_path) -> None:
    with pytest.raises(UserError, match="needed to calibrate"):
        INT8.export(network(), tmp_path / "model.pte", FACTS)
