import json

import onnx
import pytest
import torch
from torch import nn

from nas.blocks.fused_mbconv import FusedMBConv
from nas.blocks.mbconv import MBConv
from nas.errors import NasError
from nas.export import ModelFacts, export_module
from nas.export.onnx import EXPORTER
from nas.model.network import build
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem

FACTS = ModelFacts(
    16, ("Äpfel", "pears"), mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), digest="0123456789abcdef", macs=42
)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        weights = (self.q(tokens) @ self.k(tokens).transpose(1, 2)).softmax(dim=-1)
        return self.head((weights @ self.v(tokens)).mean(dim=1))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    module = Attention().eval()
    EXPORTER.export(module, path, FACTS)
    return module, path


def test_the_file_stands_alone(written):
    _, path = written
    assert [p.name for p in path.parent.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_input_output_and_batch_have_their_names(written):
    graph = onnx.load(written[1]).graph
    assert [value.name for value in graph.input] == ["image"]
    assert [value.name for value in graph.output] == ["logits"]
    for value in (graph.input[0], graph.output[0]):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_the_operator_set_is_one_that_runtimes_know(written):
    versions = {entry.domain: entry.version for entry in onnx.load(written[1]).opset_import}
    assert 18 <= versions[""] <= 20


def test_metadata_can_be_read_back(written):
    props = {p.key: p.value for p in onnx.load(written[1]).metadata_props}
    assert json.loads(props["class_names"]) == ["Äpfel", "pears"]
    assert json.loads(props["std"]) == [0.2, 0.2, 0.2]
    assert (props["resolution"], props["digest"], props["macs"]) == ("16", "0123456789abcdef", "42")
    assert props["layout"] == "NCHW"


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_any_batch_gives_what_pytorch_gives(written, batch):
    module, path = written
    images = torch.randn(batch, 3, 16, 16, generator=torch.Generator().manual_seed(batch))
    logits = EXPORTER.load(path)(images.numpy())
    assert torch.allclose(torch.from_numpy(logits), module(images), atol=1e-5)


def test_layer_norm_behind_convolutions_is_one_node_and_the_same(tmp_path):
    blocks = (MBConv(16, 2, norm="layer"), FusedMBConv(16, norm="layer"))
    head = Head("pool_conv_norm", 16, norm="layer")
    network = build(Architecture(16, 3, Stem(8, norm="layer"), (blocks,), head), seed=0).eval()
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert export_module(network, "onnx", tmp_path, facts=ModelFacts(16), images=images).passed
    nodes = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert nodes.count("LayerNormalization") == 1 + 3 + 2 + 1


def test_the_file_does_not_say_where_it_was_made(written):
    content = written[1].read_bytes()
    assert b"stack_trace" not in content
    assert __file__.encode() not in content


def test_unknown_facts_are_left_out():
    assert set(ModelFacts(32).metadata("NCHW")) == {"class_names", "mean", "std", "resolution", "layout"}


class Unexportable(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            raise ValueError("positive")
        return x.flatten(1)


def test_a_network_that_cannot_be_traced_ends_in_one_line_and_no_file(tmp_path, capfd):
    with pytest.raises(NasError, match="^onnx: the network cannot be exported: [^\n]*$"):
        EXPORTER.export(Unexportable().eval(), tmp_path / "model.onnx", FACTS)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
