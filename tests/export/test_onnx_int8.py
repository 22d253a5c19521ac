import json
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from nas.export import ModelFacts
from nas.export.onnx_int8 import EXPORTER
from nas.export.verify import verify

FACTS = ModelFacts(16, ("Äpfel", "pears"), mean=(0.5, 0.4, 0.3))


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory) -> tuple[nn.Module, Path]:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module = nn.Sequential(*body, nn.Linear(8, 2)).eval()
    path = tmp_path_factory.mktemp("onnx-int8") / "model.int8.onnx"
    EXPORTER.calibrated(images(40)).export(module, path, FACTS)
    return module, path


def test_the_file_is_sound_and_says_what_it_holds(convolutions) -> None:
    model = onnx.load(convolutions[1])
    onnx.checker.check_model(model, full_check=True)
    props = {p.key: p.value for p in model.metadata_props}
    assert json.loads(props["class_names"]) == ["Äpfel", "pears"]
    assert [v.name for v in (*model.graph.input, *model.graph.output)] == ["image", "logits"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_convolutions_have_a_scale_for_each_channel(convolutions) -> None:
    graph = onnx.load(convolutions[1]).graph
    sizes = {t.name: tuple(t.dims) for t in graph.initializer}
    kinds = {t.name: t.data_type for t in graph.initializer}
    weights = next(n for n in graph.node if n.op_type == "DequantizeLinear" and sizes.get(n.input[0]) == (8, 3, 3, 3))
    assert kinds[weights.input[0]] == onnx.TensorProto.INT8
    assert sizes[weights.input[1]] == (8,)


def test_both_ways_to_run_it_agree_with_pytorch(convolutions) -> None:
    module, path = convolutions
    for load in (EXPORTER.load, EXPORTER.load_plain):
        found = verify(module, load(path), images(20, 1))
        assert found.sqnr_db is not None
        assert found.sqnr_db > 20


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.inner = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 2)

    def forward(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(tokens + self.inner(tokens)).mean(dim=1))


def test_beside_layer_norm_only_products_become_integers(tmp_path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "model.int8.onnx"
    EXPORTER.calibrated(images(20)).export(Mixer().eval(), path, FACTS)
    graph = onnx.load(path).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    norm = next(node for node in graph.node if node.op_type == "LayerNormalization")
    assert makers[norm.input[0]] == "Add"
    products = [node for node in graph.node if node.op_type in ("MatMul", "Gemm", "Conv")]
    assert len(products) == 3
    assert all(makers[product.input[0]] == "DequantizeLinear" for product in products)
