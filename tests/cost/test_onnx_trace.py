"""Exported networks give the kernels that tracing their modules gives."""

import random
from collections import Counter
from math import prod

import onnx
import pytest
from onnx import TensorProto, helper

from nas import torch_compat
from nas.cost.kernels import fuse
from nas.cost.onnx_trace import load_onnx, trace_onnx
from nas.cost.trace import trace_module
from nas.errors import UserError
from nas.export.formats import ModelFacts
from nas.export.onnx import EXPORTER
from nas.hardware.measure.convert import to_onnx
from nas.hardware.profile import load_profile
from nas.model.network import build
from nas.model.zoo import ZOO
from nas.space.space import load_space

QUICK = "lcnet_050"
ZOO_NETWORKS = ("mobilenetv2_050", "mobilenetv3_small_050", "mnasnet_100", "tinynet_e", "mobilenetv4_conv_small")
SPACE_SEEDS = (0, 1, 2)


def kernels(trace):
    """Return what a predictor takes of each kernel; exporters fold batch norms, so names and weights may differ."""
    names = ("kind", "macs", "read_elements", "write_elements", "in_chs", "out_chs", "kernel_size", "stride", "groups")
    found = fuse(trace, load_profile("host-cpu").fusion)
    copies = {"copy"}  # of contiguous memory: a deployed graph has none
    return Counter(tuple(getattr(k, n) for n in names) for k in found if not set(k.ops) <= copies)


def exported(architecture, folder):
    path = folder / "model.onnx"
    EXPORTER.export(build(architecture, seed=0).eval(), path, ModelFacts(resolution=architecture.resolution))
    return load_onnx(path)


def check(architecture, read):
    network, size = build(architecture, seed=0).eval(), architecture.resolution
    traced = trace_module(network, (3, size, size))
    assert read.input_shape == (3, size, size)
    assert read.trace.uncovered == ()
    assert kernels(read.trace) == kernels(traced)
    assert read.trace.peak_memory_elements == traced.peak_memory_elements
    assert 0.95 * traced.params < read.trace.params <= traced.params  # batch norms are folded into the weights


def test_an_exported_network_has_the_kernels_of_its_module():
    architecture = ZOO[QUICK](32, 10)
    written = to_onnx(build(architecture, seed=0), (3, 32, 32))  # by the older exporter, which is quick
    check(architecture, trace_onnx(onnx.load_from_string(written)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO_NETWORKS)
def test_exported_zoo_networks_have_the_kernels_of_their_modules(name, tmp_path):
    check(ZOO[name](64, 10), exported(ZOO[name](64, 10), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SPACE_SEEDS)
def test_exported_hybrids_have_the_kernels_of_their_modules(seed, tmp_path):
    architecture = load_space("tiny-hybrid").sample(random.Random(seed))
    check(architecture, exported(architecture, tmp_path))


def vision_transformer():
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, num_classes=5)


def convnext():
    from timm.models.convnext import ConvNeXt

    return ConvNeXt(num_classes=5, depths=(1, 1, 1, 1), dims=(8, 8, 16, 16), conv_mlp=True)


@pytest.mark.slow
@pytest.mark.parametrize("make", [vision_transformer, convnext])
def test_exported_timm_models_have_the_kernels_of_their_modules(make, tmp_path):
    torch_compat.prepare()
    module, path = make().eval(), tmp_path / "model.onnx"
    EXPORTER.export(module, path, ModelFacts(resolution=32))
    read = load_onnx(path)
    assert read.trace.uncovered == ()
    assert kernels(read.trace) == kernels(trace_module(module, (3, 32, 32)))
    assert "Range" not in {node.op_type for node in onnx.load(path).graph.node}  # sizes are known before it runs


def graph(nodes, inputs=(("image", ["N", 3, 8, 8]),), weights=()):
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs]
    result = [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)]
    made = helper.make_graph(nodes, "g", given, result, list(weights))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])


def names(model, **options):
    return [op.name for op in trace_onnx(model, **options).trace.ops]


def test_activations_that_were_taken_apart_are_put_together():
    silu = [
        helper.make_node("Sigmoid", ["image"], ["s"]),
        helper.make_node("Mul", ["image", "s"], ["out"]),
    ]
    assert names(graph(silu)) == ["silu"]
    limits = [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("low", 0.0), ("high", 6.0))]
    clip = [helper.make_node("Clip", ["image", "low", "high"], ["out"])]
    assert names(graph(clip, weights=limits)) == ["relu6"]
    other = [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("low", 0.0), ("high", 1.0))]
    assert names(graph(clip, weights=other)) == ["clamp"]


def test_a_gate_that_others_read_stays():
    nodes = [
        helper.make_node("Sigmoid", ["image"], ["s"]),
        helper.make_node("Mul", ["image", "s"], ["m"]),
        helper.make_node("Add", ["m", "s"], ["out"]),
    ]
    assert names(graph(nodes)) == ["sigmoid", "mul", "add"]


def test_a_product_and_the_sum_of_its_bias_are_one():
    weights = [helper.make_tensor(n, TensorProto.FLOAT, s, [0.5] * prod(s)) for n, s in (("w", (8, 4)), ("b", (4,)))]
    nodes = [
        helper.make_node("MatMul", ["image", "w"], ["m"]),
        helper.make_node("Add", ["b", "m"], ["out"]),
    ]
    [op] = trace_onnx(graph(nodes, weights=weights)).trace.ops
    assert (op.name, op.weight_elements, op.output_shape) == ("linear", 36, (1, 3, 8, 4))


def fused_attention(query_scale=0.5, key_scale=0.5):
    numbers = [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("qs", query_scale), ("ks", key_scale))]
    nodes = [
        helper.make_node("Transpose", ["image"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("Mul", ["image", "qs"], ["q"]),
        helper.make_node("Mul", ["t", "ks"], ["k"]),
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["p"]),
        helper.make_node("MatMul", ["p", "image"], ["out"]),
    ]
    return graph(nodes, inputs=(("image", ["N", 3, 5, 8]),), weights=numbers)


def test_attention_that_was_taken_apart_is_put_together():
    [op] = trace_onnx(fused_attention()).trace.ops
    assert (op.name, op.macs, op.input_shapes) == ("attention", 3 * 5 * 5 * (8 + 8), ((1, 3, 5, 8),) * 3)
    assert "attention" not in names(fused_attention(key_scale=0.25))


def test_pooling_and_a_mean_of_the_networks_own_are_told_apart_by_their_axes():
    for axes, name in ((-1, -2), "adaptive_avg_pool"), ((2, 3), "mean"):
        given = [helper.make_tensor("axes", TensorProto.INT64, [2], axes)]
        node = helper.make_node("ReduceMean", ["image", "axes"], ["out"])
        assert names(graph([node], weights=given)) == [name]


def test_a_factor_without_inputs_is_no_gate():
    factor = helper.make_tensor("value", TensorProto.FLOAT, [], [2.0])
    nodes = [
        helper.make_node("Constant", [], ["two"], value=factor),
        helper.make_node("Mul", ["image", "two"], ["out"]),
    ]
    assert names(graph(nodes)) == ["mul"]


def test_weights_kept_as_integers_are_parameters_and_their_scales_are_none():
    weights = [
        helper.make_tensor("w", TensorProto.INT8, [4, 3, 1, 1], bytes(12), raw=True),
        helper.make_tensor("scales", TensorProto.FLOAT, [4], [0.1] * 4),
        helper.make_tensor("zeros", TensorProto.INT8, [4], bytes(4), raw=True),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scales", "zeros"], ["weight"], axis=0),
        helper.make_node("Conv", ["image", "weight"], ["out"]),
    ]
    read = trace_onnx(graph(nodes, weights=weights))
    assert (read.trace.params, read.trace.ops[0].weight_elements, read.trace.macs) == (12, 12, 4 * 3 * 64)


def test_what_is_not_known_is_said():
    trace = trace_onnx(graph([helper.make_node("Celu", ["image"], ["out"])])).trace
    assert trace.uncovered == ("Celu",)
    assert [op.name for op in trace.ops] == ["celu"]


def test_an_open_size_has_to_be_given():
    nodes = [helper.make_node("Relu", ["image"], ["out"])]
    model = graph(nodes, inputs=(("image", ["N", 3, "H", "W"]),))
    with pytest.raises(UserError, match="--resolution"):
        trace_onnx(model)
    assert trace_onnx(model, resolution=16).trace.ops[0].output_shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((("image", [1, 3, 8, 8]), ("other", [1])), "2 inputs"),
        ((("image", [1, 8]),), "2 dimensions"),
    ],
)
def test_other_networks_are_refused(inputs, message):
    with pytest.raises(UserError, match=message):
        trace_onnx(graph([helper.make_node("Relu", ["image"], ["out"])], inputs=inputs))


def test_another_resolution_than_the_graphs_is_refused():
    with pytest.raises(UserError, match="8 pixels wide, not 16"):
        trace_onnx(graph([helper.make_node("Relu", ["image"], ["out"])]), resolution=16)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(UserError, match="not found"):
        load_onnx(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(UserError, match="not an ONNX file"):
        load_onnx(tmp_path / "text.onnx")
