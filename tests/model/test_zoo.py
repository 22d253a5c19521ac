"""The zoo's architectures are timm's models: names, shapes, counts and outputs, and timm's published figures."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from nas.cost.cost import CostModel, architecture_parts, trace_part
from nas.errors import UserError
from nas.model.from_timm import architecture_from_timm
from nas.model.network import build, count_params
from nas.model.timm_names import ours_from_timm, timm_from_ours
from nas.model.zoo import FOLDER, PAPERS, ZOO, zoo_architecture
from nas.resources import shipped_dir
from tests.model.same_as_timm import difference
from tools.published_timm import EXCEPTIONS, Figures, published
from tools.write_zoo import DOCUMENT, text, with_table

QUICK = (
    *("lcnet_050", "mobilenetv3_small_050", "tinynet_e", "mobilenetv4_hybrid_medium"),
    *("ghostnet_100", "convnext_atto", "deit_tiny_patch16_224", "efficientvit_b0"),
)
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ZOO]


def shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


@pytest.mark.parametrize("name", NAMES)
def test_same_as_timm(name: str) -> None:
    torch.manual_seed(0)
    sized = {"img_size": 96} if name.startswith("deit") else {}  # its weights depend on the size
    reference = timm.create_model(name, **sized).eval()
    architecture = zoo_architecture(name, resolution=96)
    network = build(architecture).eval()
    assert shapes(network.state_dict()) == shapes(ours_from_timm(architecture, reference.state_dict()))
    assert shapes(timm_from_ours(architecture, network.state_dict())) == shapes(reference.state_dict())
    assert count_params(network) == count_params(reference)
    assert difference(architecture, network, reference) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_tool_writes(name: str) -> None:
    written = (shipped_dir(FOLDER) / f"{name}.json").read_text(encoding="utf-8")
    assert written == text(architecture_from_timm(name)), "run: python -m tools.write_zoo"


def test_every_file_is_a_network_of_its_own_and_is_listed() -> None:
    assert {path.stem for path in shipped_dir(FOLDER).iterdir()} == set(PAPERS) == set(ZOO)
    assert len({zoo_architecture(name).digest for name in ZOO}) == len(ZOO)


def test_size_and_classes_can_be_chosen() -> None:
    own = zoo_architecture("tinynet_e")
    assert (own.resolution, own.num_classes) == (106, 1000)
    assert ZOO["tinynet_e"](64, 7) == zoo_architecture("tinynet_e", resolution=64, num_classes=7)
    assert (ZOO["tinynet_e"](64, 7).resolution, ZOO["tinynet_e"](64, 7).num_classes) == (64, 7)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="mobilenetv2_100"):
        zoo_architecture("mobilnetv2_100")


@pytest.fixture(scope="module")
def data() -> Path:
    if "NAS_BENCH_DATA" not in os.environ:
        pytest.skip("NAS_BENCH_DATA does not name a folder of measured data")
    return Path(os.environ["NAS_BENCH_DATA"])


@pytest.fixture(scope="module")
def tables(data: Path) -> dict[str, list[Figures]]:
    return published(data, ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_costs_are_those_that_timm_publishes(name: str, tables: dict[str, list[Figures]]) -> None:
    assert tables[name]
    for figures in tables[name]:
        cost = CostModel().cost(zoo_architecture(name, resolution=figures.resolution))
        assert f"{cost.params / 1e6:.2f}" == figures.mparams
        same = f"{cost.macs / 1e9:.2f}" == figures.gmacs or not figures.gmacs
        assert same == ((name, figures.gmacs) not in EXCEPTIONS), figures


def test_what_a_table_leaves_out_are_the_products_of_the_attention() -> None:
    parts = architecture_parts(zoo_architecture("deit_tiny_patch16_224"))
    ops = [op for part, shape in parts for op in trace_part(part, shape).ops]
    assert f"{sum(op.macs for op in ops if op.name != 'matmul') / 1e9:.2f}" == "1.08"


def test_the_table_of_the_document_is_what_the_tool_writes(data: Path) -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == with_table(written, data), "run: python -m tools.write_zoo"
