from xml.etree import ElementTree

import pytest

from nas.report.architecture_chart import architecture_data, draw_architecture
from tests.report.run_documents import make_architecture


def test_frames_are_stem_stages_and_head():
    frames = architecture_data(make_architecture((1, 2)))
    assert [f.name for f in frames] == ["stem", "stage 1", "stage 2", "head"]
    assert [len(f.blocks) for f in frames] == [1, 1, 2, 1]
    assert frames[-1].blocks[0].shape == "10 classes"


def test_strides_divide_the_resolution_and_round_up():
    architecture = make_architecture((1, 2), resolution=33)
    frames = architecture_data(architecture)
    assert [f.resolution for f in frames[:3]] == ["17 × 17", "17 × 17", "9 × 9"]


def test_a_box_says_what_the_block_is():
    block = {"kind": "mbconv", "out_chs": 40, "stride": 2, "kernel_size": 5, "exp_ratio": 4.0, "se": "mobilenetv3"}
    frames = architecture_data({**make_architecture(()), "stages": [[block]]})
    [box] = frames[1].blocks
    assert (box.kind, box.numbers, box.shape) == ("mbconv", "5×5 /2 e4 SE", "40 ch · 8²")
    assert "exp ratio 4.0" in box.words


def test_a_kind_nobody_knew_is_drawn_by_its_name():
    architecture = {**make_architecture(()), "stages": [[{"kind": "<new>", "depth": [1, 2]}], []]}
    markup = draw_architecture(architecture_data(architecture), 340)
    assert "&lt;new&gt;" in markup
    ElementTree.fromstring(markup)


@pytest.mark.parametrize("width", [340.0, 700.0, 1080.0])
def test_long_networks_wrap_within_the_width(width):
    root = ElementTree.fromstring(draw_architecture(architecture_data(make_architecture((3, 20, 1))), width))
    for shape in root.iter("rect"):
        assert float(shape.get("x")) + float(shape.get("width")) <= width
    boxes = [shape for shape in root.iter("rect") if (shape.get("class") or "").startswith("block")]
    assert len(boxes) == 1 + 24 + 1
    assert len({(shape.get("x"), shape.get("y")) for shape in boxes}) == len(boxes)
