"""TensorRT's folder of one tiny network: its script, its integers, and what the parser's list says of its ONNX."""

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nas.export import ModelFacts, export_module
from nas.export.devices.tensorrt import DEVICE
from nas.export.legality import check
from nas.export.tensorrt import MODEL, SCRIPT

FACTS = ModelFacts(8, ("a", "b"), mean=(0.5, 0.4, 0.3), digest="0123456789abcdef")
IMAGES = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*body, nn.Linear(8, 2)).eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("tensorrt")
    names = ("tensorrt", "tensorrt-int8")
    found = [export_module(network(), n, place, facts=FACTS, images=IMAGES, calibration=IMAGES) for n in names]
    return {v.format: place / v.file for v in found}


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-int8"])
def test_the_parser_takes_all_of_it_and_no_engine_is_claimed(name: str, folders) -> None:
    [found] = check(name, folders[name])
    assert found.legal
    assert any("no engine was built here" in what for what in found.not_run)


TRTEXEC = """#!/bin/sh
echo "$@" >> "$LOG"
for flag in "$@"; do case "$flag" in --saveEngine=*) : > "${flag#--saveEngine=}";; esac; done
"""


@pytest.mark.parametrize(("name", "flags"), [("tensorrt", "--fp16"), ("tensorrt-int8", "--int8 --fp16")])
@pytest.mark.parametrize("batch", ["1", "4"])
def test_the_script_builds_runs_and_times_an_engine(name: str, flags: str, batch: str, folders, tmp_path) -> None:
    tool, log = tmp_path / "trtexec", tmp_path / "log"
    tool.write_text(TRTEXEC)
    tool.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "TRTEXEC": str(tool), "LOG": str(log), "BATCH": batch}
    done = subprocess.run([folders[name] / SCRIPT], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    build, *runs = log.read_text().splitlines()
    assert f"--onnx={MODEL} {flags} --minShapes=image:{batch}x3x8x8" in build
    assert len(runs) == (2 if batch == "1" else 1)
    engine = next(f for f in build.split() if f.startswith("--saveEngine=")).replace("save", "load")
    assert all(engine in run for run in runs)


def test_the_image_for_the_device_has_the_logits_of_pytorch(folders) -> None:
    folder = folders["tensorrt"]
    image = np.fromfile(folder / "image.bin", dtype=np.float32).reshape(1, 3, 8, 8)
    [expected] = json.loads((folder / "expected.json").read_text())
    with torch.no_grad():
        logits = network()(torch.from_numpy(image))
    assert expected["dimensions"] == "1x2"
    assert expected["values"] == pytest.approx(logits[0].tolist())
    assert json.loads((folder / "network.json").read_text())["digest"] == FACTS.digest


def test_products_compute_with_signed_integers_around_zero_and_biases_do_not(folders) -> None:
    graph = onnx.load(folders["tensorrt-int8"] / MODEL).graph
    made_by = {name: node for node in graph.node for name in node.output}
    for node in (n for n in graph.node if n.op_type in ("Conv", "Gemm")):
        assert [made_by[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2
        assert node.input[2] not in made_by


def legality(tmp_path: Path, node: onnx.NodeProto, constants: dict[str, np.ndarray], opset: int = 20):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "g", inputs, outputs, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), tmp_path / MODEL)
    return DEVICE.check(tmp_path)


ROUND = ["x", "scale", "zero"]
ZERO = {"scale": np.float32(0.1), "zero": np.int8(0)}
NODES = [
    (helper.make_node("Det", ["x"], ["y"]), {}, "Det, operator 0: not in the parser's list"),
    (helper.make_node("Relu", ["x"], ["y"], domain="com.microsoft"), {}, "not in the parser's list"),
    (helper.make_node("ReduceMean", ["x", "x"], ["y"]), {}, "its axes are computed"),
    (helper.make_node("ReduceMean", ["x", "a"], ["y"]), {"a": np.array([2])}, None),
    (helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[2, 2]), {}, "dilated"),
    (helper.make_node("MaxPool", ["x"], ["y", "indices"], kernel_shape=[2, 2]), {}, "more than its first output"),
    (helper.make_node("QuantizeLinear", ROUND, ["y"]), ZERO, None),
    (helper.make_node("QuantizeLinear", ROUND, ["y"]), {**ZERO, "zero": np.int8(3)}, "zero point is not 0"),
    (helper.make_node("QuantizeLinear", ROUND, ["y"]), {**ZERO, "zero": np.uint8(0)}, "not signed 8-bit"),
    (helper.make_node("QuantizeLinear", ["x", "scale"], ["y"]), ZERO, "zero point is not constant"),
]


@pytest.mark.parametrize(("node", "constants", "problem"), NODES)
def test_what_the_parser_refuses_is_told(node, constants, problem: str | None, tmp_path) -> None:
    found = legality(tmp_path, node, constants)
    assert found.legal == (problem is None)
    assert problem is None or problem in found.lines()[1]
    assert problem is None or found.lines()[0].startswith("TensorRT: does not take it as it is")


def test_an_operator_set_that_is_too_new_is_told(tmp_path) -> None:
    found = legality(tmp_path, helper.make_node("Relu", ["x"], ["y"]), {}, opset=21)
    assert found.problems == ("operator set 21, the parser reads 9 to 20",)
