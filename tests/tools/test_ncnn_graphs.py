"""Layer graphs of ncnn become traces with the right shapes, MACs and weights."""

import os
from pathlib import Path

import pytest

from tools.ncnn_graphs import parse_layer, read_graph

HEAD = "7767517\n8 9\n"
GRAPH = HEAD + "\n".join(
    (
        "Input            data  0 1 data",
        "Convolution      stem  1 1 data a 0=16 1=3 3=2 4=1 5=1 6=432 9=1",
        "Split            split 1 2 a a0 a1",
        "ConvolutionDepthWise dw 1 1 a0 b 0=16 1=3 4=1 6=144 7=16",
        "BinaryOp         sum   2 1 a1 b c 0=0",
        "Pooling          pool  1 1 c d 0=1 4=1",
        "InnerProduct     fc    1 1 d e 0=10 1=1 2=160",
        "Softmax          prob  1 1 e f",
    )
)


def graph_of(*layers: str) -> str:
    return HEAD + "\n".join(("Input data 0 1 data", *layers))


def test_operations_shapes_and_costs() -> None:
    trace = read_graph(GRAPH, (3, 32, 32))
    names = [op.name for op in trace.ops]
    assert names == ["conv2d", "relu", "conv2d", "add", "mean", "linear", "softmax"]
    stem, depthwise, linear = trace.ops[0], trace.ops[2], trace.ops[5]
    assert stem.output_shape == (1, 16, 16, 16)
    assert (stem.macs, stem.stride, stem.weight_elements) == (16 * 16 * 432, 2, 432 + 16)
    assert (depthwise.groups, depthwise.macs) == (16, 16 * 16 * 144)
    assert linear.output_shape == (1, 10)
    assert trace.macs == 16 * 16 * (432 + 144) + 160
    assert trace.params == 432 + 16 + 144 + 160 + 10


def test_a_split_is_one_value_with_two_readers() -> None:
    trace = read_graph(GRAPH, (3, 32, 32))
    activated, depthwise, joined = trace.ops[1], trace.ops[2], trace.ops[3]
    assert depthwise.inputs == (activated.output,)
    assert joined.inputs == (activated.output, depthwise.output)


@pytest.mark.parametrize(
    ("mode", "size"), [("", 8), (" 5=1", 7)], ids=["the window may hang over", "only whole windows"]
)
def test_pooling_at_the_edge(mode: str, size: int) -> None:
    trace = read_graph(graph_of(f"Pooling pool 1 1 data a 1=3 2=2{mode}"), (3, 16, 16))
    assert trace.ops[0].output_shape == (1, 3, size, size)


def test_a_stated_shape_that_is_not_ours_is_an_error() -> None:
    layer = "Convolution conv 1 1 data a -23330=4,3,9,9,8 0=8 1=3 6=216"
    with pytest.raises(ValueError, match=r"'conv': shape \(8, 14, 14\), but the graph states \(8, 9, 9\)"):
        read_graph(graph_of(layer), (3, 16, 16))


def test_an_unknown_layer_is_an_error() -> None:
    with pytest.raises(ValueError, match="'odd' is of the unknown kind 'Odd'"):
        read_graph(graph_of("Odd odd 1 1 data a"), (3, 8, 8))


def test_what_follows_the_boxes_of_a_detector_is_left_out() -> None:
    layers = ("PriorBox prior 1 1 data boxes", "DetectionOutput out 2 1 data boxes found", "ReLU act 1 1 found a")
    assert read_graph(graph_of(*layers), (3, 8, 8)).ops == ()


def test_arrays_are_told_from_numbers() -> None:
    layer = parse_layer("Slice cut 1 2 a b c -23300=2,4,-233 1=0")
    assert layer.arrays == {0: (4, -233)}
    assert layer.numbers == {1: 0.0}
    assert (layer.inputs, layer.outputs) == (("a",), ("b", "c"))


@pytest.mark.skipif("NAS_BENCH_DATA" not in os.environ, reason="needs NAS_BENCH_DATA")
def test_every_benchmarked_graph_is_read() -> None:
    from tools.evidence import ncnn_graphs

    graphs = ncnn_graphs(Path(os.environ["NAS_BENCH_DATA"]))
    assert len(graphs) > 30
    assert graphs["resnet50"].params == pytest.approx(25.5e6, rel=0.01)
    assert all(graph.macs > 1e7 for graph in graphs.values())
