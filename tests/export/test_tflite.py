"""TFLite files of one tiny network, converted once: floating point, integers, and what devices make of them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("litert_torch", reason="litert_torch not installed")

from nas.errors import NasError
from nas.export import ModelFacts
from nas.export.devices.edgetpu import COMPILER
from nas.export.flatbuffer import _packed, _unpacked, read_graph, read_metadata, sealed
from nas.export.legality import check
from nas.export.tflite import converted, open_interpreter
from nas.export.tflite_int8 import quantised
from nas.export.verify import verify

FACTS = ModelFacts(8, ("Äpfel", "pears"), mean=(0.5, 0.4, 0.3), digest="0123456789abcdef")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*body, nn.Linear(8, 2)).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.2, 3, 32).view(
        -1, 1, 1, 1
    )


@pytest.fixture(scope="module")
def files(network, images, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tflite")
    plain, integers = folder / "model.tflite", folder / "model.int8.tflite"
    model = converted(network, FACTS)
    plain.write_bytes(sealed(model, FACTS.metadata("NHWC")))
    integers.write_bytes(sealed(quantised(model, images), FACTS.metadata("NHWC")))
    return plain, integers


def test_floating_point_computes_what_pytorch_computes(files, network, images) -> None:
    assert verify(network, open_interpreter(files[0]), images, batch_sizes=(1,)).relative < 1e-5


def test_integers_agree_with_pytorch_in_either_kernels(files, network, images) -> None:
    for plain in (False, True):
        found = verify(network, open_interpreter(files[1], plain=plain), images, batch_sizes=(1,))
        assert found.sqnr_db is not None
        assert found.sqnr_db > 25  # a moving average instead of least and most: below 15


def test_xnnpack_takes_what_a_dead_relu_leaves(network, images, tmp_path) -> None:
    squeezed = nn.Sequential(nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1)).eval()
    with torch.no_grad():
        squeezed[0].bias.fill_(-100.0)  # nothing ever comes through, so its range is a point
    body = nn.Sequential(*list(network)[:4], squeezed, *list(network)[4:]).eval()
    file = tmp_path / "model.int8.tflite"
    file.write_bytes(sealed(quantised(converted(body, FACTS), images), FACTS.metadata("NHWC")))
    assert open_interpreter(file)(images[:1].numpy()).shape == (1, 2)


@pytest.mark.parametrize(("number", "kind"), [(0, "FLOAT32"), (1, "INT8")])
def test_ends_have_names_and_the_image_is_channel_last(files, number, kind) -> None:
    graph = read_graph(files[number])
    assert [(t.name, t.shape, t.kind) for t in graph.inputs] == [("image", (1, 8, 8, 3), kind)]
    assert [(t.name, t.shape, t.kind) for t in graph.outputs] == [("logits", (1, 2), kind)]
    assert "TRANSPOSE" not in {o.name for o in graph.operators}


def test_multiply_adds_are_counted(files, network) -> None:
    assert {read_graph(path).macs for path in files} == {4 * 4 * 8 * 3 * 9 + 8 * 2}


def test_a_file_says_what_it_holds(files) -> None:
    found = read_metadata(files[1])
    assert json.loads(found["class_names"]) == ["Äpfel", "pears"]
    assert (found["layout"], found["digest"]) == ("NHWC", "0123456789abcdef")


def test_fully_connected_layers_have_one_scale_and_convolutions_one_a_channel(files) -> None:
    scales = {
        o.name: o.inputs[1].scales for o in read_graph(files[1]).operators if o.name in ("CONV_2D", "FULLY_CONNECTED")
    }
    assert scales == {"CONV_2D": 8, "FULLY_CONNECTED": 1}


def test_constants_outside_the_flatbuffer_are_taken_in(files, tmp_path) -> None:
    model = _unpacked(files[0].read_bytes(), "test")
    graph = model.subgraphs[0]
    weights = next(model.buffers[t.buffer] for t in graph.tensors if list(t.shape) == [8, 3, 3, 3])
    content = bytes(weights.data)
    # The size of the file must not change while the place is found: the numbers are written twice.
    weights.data, weights.offset, weights.size = None, 2**30, len(content)
    weights.offset = len(_packed(model))
    apart = tmp_path / "apart.tflite"
    apart.write_bytes(_packed(model) + content)
    assert sorted(t.inside for t in read_graph(apart).constants)[0] is False
    whole = tmp_path / "whole.tflite"
    whole.write_bytes(sealed(apart.read_bytes(), {}))
    assert all(t.inside for t in read_graph(whole).constants)
    image = np.ones((1, 3, 8, 8), dtype=np.float32)
    assert open_interpreter(whole)(image) == pytest.approx(open_interpreter(files[0])(image))


def test_xnnpack_takes_all_of_both(files) -> None:
    for path, name in zip(files, ("tflite", "tflite-int8"), strict=True):
        found = next(f for f in check(name, path) if f.device == "XNNPACK")
        assert found.legal
        assert found.operators == len(read_graph(path).operators)


def test_the_edge_tpu_takes_the_integers_and_says_what_was_not_checked(files, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = next(f for f in check("tflite-int8", files[1]) if f.device == "Edge TPU")
    assert found.legal
    assert f"by the compiler: no {COMPILER} on the PATH" in found.not_run


def test_the_edge_tpu_takes_no_floating_point(files) -> None:
    found = next(f for f in check("tflite-int8", files[0]) if f.device == "Edge TPU")
    assert not found.legal
    assert found.fallback_macs_share == 1.0
    assert "input image is FLOAT32, not INT8" in found.problems


LOG = "Off-chip memory used for streaming uncached model parameters: {streamed}\n{left}"
COMPILES = """#!/bin/sh
while [ "$#" -gt 1 ]; do [ "$1" = -o ] && out="$2"; shift; done
echo compiled > "$out/model.int8_edgetpu.tflite"
printf '%s\\n' '{log}'
"""


def asked(path: Path, monkeypatch, tmp_path: Path, script: str):
    tool = tmp_path / COMPILER
    tool.write_text(script)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return next(f for f in check("tflite-int8", path) if f.device == "Edge TPU")


def test_the_compiler_is_asked_where_it_is_installed(files, monkeypatch, tmp_path) -> None:
    found = asked(files[1], monkeypatch, tmp_path, COMPILES.format(log=LOG.format(streamed="0.00B", left="")))
    assert found.legal
    assert "compiled by edgetpu_compiler to model.int8_edgetpu.tflite" in found.notes
    assert files[1].with_name("model.int8_edgetpu.tflite").read_text() == "compiled\n"
    assert found.not_run == ("on an Edge TPU",)


def test_what_the_compiler_leaves_to_the_cpu_counts(files, monkeypatch, tmp_path) -> None:
    log = LOG.format(streamed="1.22MiB", left="Number of operations that will run on CPU: 3")
    found = asked(files[1], monkeypatch, tmp_path, COMPILES.format(log=log))
    assert not found.legal
    assert found.problems == ("edgetpu_compiler leaves 3 operators to the CPU",)
    assert any("1.22MiB" in note for note in found.notes)


def test_a_compiler_that_refuses_is_quoted(files, monkeypatch, tmp_path) -> None:
    found = asked(files[1], monkeypatch, tmp_path, "#!/bin/sh\necho 'Model not quantized' >&2\nexit 1\n")
    assert found.problems == ("edgetpu_compiler refuses it: Model not quantized",)


def test_the_lines_that_the_page_gives_run_a_file(files, network) -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    lines = page.split("```python\n")[1].split("```")[0].replace("runs/NAME/export/model.int8.tflite", str(files[1]))
    names = {"image": np.random.default_rng(0).random((8, 8, 3))}
    exec(lines, names)
    normalised = (names["image"] - FACTS.mean) / FACTS.std
    expected = network(torch.from_numpy(normalised).float().permute(2, 0, 1)[None]).argmax()
    assert names["best"] == FACTS.class_names[int(expected)]


class Unconvertible(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            raise ValueError("positive")
        return x.flatten(1)


def test_a_network_that_cannot_be_converted_ends_in_one_line(capfd) -> None:
    with pytest.raises(NasError, match="^tflite: the network cannot be converted: [^\n]*$"):
        converted(Unconvertible().eval(), FACTS)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_tflite_file_is_refused(tmp_path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no such thing")
    with pytest.raises(NasError, match="not a TFLite file"):
        read_graph(tmp_path / "model.tflite")
