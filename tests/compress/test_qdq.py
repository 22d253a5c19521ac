import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from nas.compress.qdq import unsigned_activations


def quantised_matmul() -> onnx.ModelProto:
    """Return a matrix product between pairs of QuantizeLinear and DequantizeLinear, signed everywhere."""
    constants = {
        "scale": np.float32(0.05),
        "zero": np.int8(-7),
        "weight": np.array([[3, -2], [100, -128]], np.int8),
        "weight_scale": np.array([0.1, 0.2], np.float32),
        "weight_zero": np.zeros(2, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["weight", "weight_scale", "weight_zero"], ["w"], axis=1),
        helper.make_node("MatMul", ["d", "w"], ["logits"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in ("image", "logits")]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


def test_activations_lose_their_sign_and_outputs_stay() -> None:
    model = quantised_matmul()
    images = [np.array([[x, y]], np.float32) for x, y in ((0.3, -0.2), (-40, 40), (6.7, 6.8))]
    before = [run(model, image) for image in images]
    unsigned_activations(model)
    onnx.checker.check_model(model, full_check=True)
    for image, wanted in zip(images, before, strict=True):
        np.testing.assert_allclose(run(model, image), wanted, rtol=1e-6)
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    assert kinds["zero_unsigned"] == TensorProto.UINT8
    assert kinds["weight"] == kinds["weight_zero"] == TensorProto.INT8
    assert "zero" not in kinds
