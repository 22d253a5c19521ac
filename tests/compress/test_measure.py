import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nas.compress.measure import predicted_ms, time_together, weights_bytes
from nas.hardware.profile import load_profile


def scaled(path: Path, weights: np.ndarray) -> Path:
    """Write a model that multiplies an image by the sum of `weights`."""
    nodes = [
        helper.make_node("ReduceSum", ["weights"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["image", "sum"], ["logits"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in ("image", "logits")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(weights, "weights")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_weights_are_counted_without_the_graph(tmp_path: Path) -> None:
    path = scaled(tmp_path / "a.onnx", np.ones(250, np.float32))
    assert weights_bytes(path) == 1000 < path.stat().st_size


def test_files_are_timed_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.compress.measure._SECONDS", 0.01)
    files = [scaled(tmp_path / f"{n}.onnx", np.ones(n, np.float32)) for n in (10, 20)]
    found = time_together(files, 8)
    assert len(found) == 2 and all(0 < ms < 1 for ms in found)


def test_a_profile_predicts_its_own_precision_alone(network: nn.Module) -> None:
    fp32 = load_profile("host-cpu")
    assert fp32.precision == "fp32"
    assert predicted_ms(network, 32, fp32, int8=True) is None
    found = predicted_ms(network, 32, fp32, int8=False)
    wider = copy.deepcopy(network)
    wider[0] = nn.Sequential(wider[0], nn.Conv2d(16, 64, 3, padding=1), nn.Conv2d(64, 16, 3, padding=1))
    larger = predicted_ms(wider, 32, fp32, int8=False)
    assert found is not None and larger is not None and larger > found > 0
