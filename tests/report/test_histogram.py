"""Bins, their text and their picture."""

import xml.etree.ElementTree as ElementTree

import pytest

from nas.report.histogram import BINS, Panel, draw_histograms, histogram, histogram_text

SVG = "{http://www.w3.org/2000/svg}"
VALUES = [1.0, 1.5, 2.0, 2.0, 3.0, 4.0]


def drawn(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(draw_histograms("Heading <&>", "note", panels))


def texts(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    return {t.text or "": (float(t.get("x", 0)), float(t.get("y", 0))) for t in root.iter(f"{SVG}text")}


@pytest.mark.parametrize("values", [VALUES, [7.0], [1e3, 1e6, 2e6, 5e6], [0.0, 100.0]])
def test_every_value_is_in_the_bin_between_its_edges(values: list[float]) -> None:
    found = histogram(values)
    assert sum(found.counts) == len(values)
    assert (found.edges[0], found.edges[-1]) == (min(values), max(values))
    assert len(found.edges) == len(found.counts) + 1
    for i, count in enumerate(found.counts):
        low, high = found.edges[i] * (1 - 1e-9), found.edges[i + 1] * (1 + 1e-9)
        assert count <= sum(low <= value <= high for value in values)


def test_wide_ranges_are_cut_by_the_logarithm() -> None:
    found = histogram([1.0, 10.0, 1000.0])
    assert found.log
    assert found.edges[1] / found.edges[0] == pytest.approx(found.edges[-1] / found.edges[-2])
    assert not histogram(VALUES).log


def test_the_text_has_every_value_and_a_bar_for_the_most() -> None:
    lines = histogram_text(histogram(VALUES), lambda value: f"{value:.1f}").splitlines()
    assert [line.split()[:3] for line in (lines[0], lines[-1])] == [["1.0", "to", "1.3"], ["3.7", "to", "4.0"]]
    assert sum(int(line.split()[-1]) for line in lines) == len(VALUES)
    assert max(lines, key=lambda line: line.count("█")).endswith(" 2")


def test_the_picture_has_a_bar_for_each_bin_that_is_not_empty() -> None:
    bins = histogram(VALUES)
    root = drawn(Panel("MACs", bins, 2.0))
    bars = [r for r in root.iter(f"{SVG}rect") if (r.get("class") or "").startswith("bar")]
    assert len(bars) == sum(count > 0 for count in bins.counts) <= BINS
    heights = sorted(float(bar.get("height", 0)) for bar in bars)
    assert heights[-1] == pytest.approx(2 * heights[0], rel=0.01)
    assert "MACs" in texts(root)


def test_marks_within_the_range_are_named_and_no_line_crosses_a_name() -> None:
    marks = (("a long name", 2.0), ("another long name", 2.1), ("last", 3.99), ("outside", 9.0))
    root = drawn(Panel("MACs", histogram(VALUES), 2.0, marks))
    places = texts(root)
    assert "outside" not in places
    assert places["a long name"][1] < places["another long name"][1]  # the one on the right lies lower
    width = float(root.get("width", 0))
    assert places["last"][0] + 6 * len("last") < width


def test_one_value_is_a_histogram_too() -> None:
    root = drawn(Panel("MACs", histogram([3.0, 3.0]), 3.0, (("same", 3.0),)))
    assert "same" in texts(root)
