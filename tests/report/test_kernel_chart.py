from xml.etree import ElementTree

import pytest

from nas.report.kernel_chart import SLOWEST, draw_kernels, kernel_data


def kernel(label, kind, latency_ms):
    return {"label": label, "kind": kind, "latency_ms": latency_ms, "share": 0.0}


def test_equal_kernels_are_one_bar_and_the_slowest_comes_first():
    data = kernel_data([kernel("a", "conv", 1.0), kernel("b", "linear", 3.0), kernel("a", "conv", 4.0)])
    assert [(b.label, b.count, b.latency_ms, b.share) for b in data.bars] == [
        ("a", 2, 5.0, 0.625),
        ("b", 1, 3.0, 0.375),
    ]
    assert data.kinds == (("conv", 5.0, 0.625), ("linear", 3.0, 0.375))


def test_only_the_slowest_are_shown_and_their_share_is_known():
    data = kernel_data([kernel(f"k{i}", "conv", 1.0) for i in range(40)])
    assert len(data.bars) == SLOWEST
    assert (data.shown, data.total) == (SLOWEST, 40)
    assert data.shown_share == pytest.approx(SLOWEST / 40)


def test_more_kinds_than_colours_become_other():
    data = kernel_data([kernel(f"k{i}", f"kind{i}", 20.0 - i) for i in range(13)])
    assert data.kinds[-1][0] == "other"
    assert sum(share for _, _, share in data.kinds) == pytest.approx(1)
    ElementTree.fromstring(draw_kernels(data, 700))


@pytest.mark.parametrize("width", [340, 700, 1080])
def test_odd_kernels_can_be_drawn(width):
    kernels = [kernel("<conv> & + " + "batch_norm + " * 30, "conv", 0.0), kernel("b", "日本", 0.0)]
    ElementTree.fromstring(draw_kernels(kernel_data(kernels), width))
