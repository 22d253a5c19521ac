"""An ONNX file, measured here as it is."""

import onnx
import pytest
from onnx import TensorProto, helper

from nas.errors import UserError
from nas.jobs.verify import verify_onnx
from nas.search.latency_check import MeasureOrder
from nas.search.watch import Silent

ROUNDED = [
    helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]),
    helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["x"]),
    helper.make_node("Relu", ["x"], ["out"]),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("nas.search.latency_check.SECONDS", 0.01)


def written(path, nodes):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1])
    zero = helper.make_tensor("zero", TensorProto.INT8, [], [0])
    made = helper.make_graph(nodes, "g", [image], [result], [scale, zero])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_the_file_is_timed_and_predicted(tmp_path):
    path = written(tmp_path / "small.onnx", [helper.make_node("Relu", ["image"], ["out"])])
    found = verify_onnx(path, MeasureOrder(), Silent(), target="host-cpu")
    [row] = found["networks"]
    assert row["name"] == "small.onnx"
    assert row["measured_ms"] > 0
    assert row["predicted_ms"] > 0
    assert found["precision"] == "fp32"


def test_integers_in_the_file_are_not_the_target(tmp_path):
    found = verify_onnx(written(tmp_path / "int8.onnx", ROUNDED), MeasureOrder(), Silent(), target="host-cpu")
    assert found["precision"] == "int8"
    assert "integers in the file instead of fp32" in found["differs_from_target"]


def test_an_engine_that_takes_no_onnx_is_refused(tmp_path):
    with pytest.raises(UserError, match="engine PyTorch takes no ONNX file; use onnxruntime"):
        verify_onnx(written(tmp_path / "a.onnx", ROUNDED), MeasureOrder("torch"), Silent(), target="host-cpu")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match="not found"):
        verify_onnx(tmp_path / "none.onnx", MeasureOrder(), Silent(), target="host-cpu")
