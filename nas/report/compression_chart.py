"""A chain of compression drawn: accuracy against the size of the weights, and against the measured latency."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nas.report.axes import Axes
from nas.report.compression import quickness
from nas.report.labels import Box, place
from nas.report.numbers import NOTHING, memory, milliseconds
from nas.report.picture import TOP, picture
from nas.report.scales import Scale
from nas.report.svg import Markup, element, joined, text, title

if TYPE_CHECKING:
    from nas.compress.chain import Outcome
    from nas.compress.measure import Row

_WIDTH, _HEIGHT = 860.0, 380.0
_LEFT, _GAP, _RIGHT, _BOTTOM = 52.0, 58.0, 22.0, 52.0
_LEAST_SPAN = 2.0  # points of accuracy that the axis shows at least: differences of one image are not to look large


def draw_chain(outcome: Outcome, name: str) -> str:
    """Draw a chain as the text of an SVG file.

    Args:
        outcome: of the chain.
        name: of what was compressed.
    """
    images = outcome.search_images
    first, last = outcome.rows[0], outcome.rows[-1]
    heading = f"{name}: " + ", ".join(row.step for row in outcome.rows[1:])
    note = (
        f"{first.weights_bytes / last.weights_bytes:.1f}x smaller, "
        f"{quickness(outcome)} (ONNX Runtime here, one thread), "
        f"{100 * (last.search_accuracy - first.search_accuracy):+.1f} points on {images} images"
    )
    inner = (_WIDTH - _LEFT - _GAP - _RIGHT) / 2
    panels = []
    for left, words, value, write in (
        (_LEFT, "weights, KiB", _kib, _size),
        (_LEFT + inner + _GAP, "measured latency, ms", _ms, _latency),
    ):
        area = Box(left, TOP + 30, left + inner, _HEIGHT - _BOTTOM)
        panels.append(_panel(outcome.rows, area, words, value, write))
    axis = f"accuracy on the search split (%); one of its {images} images is {100 / images:.2f}"
    panels.append(text(16, TOP + 14, axis, class_="axis-title"))
    return picture(heading, note, _WIDTH, _HEIGHT, *panels)


def _panel(
    rows: tuple[Row, ...], area: Box, words: str, value: Callable[[Row], float], write: Callable[[Row], str]
) -> Markup:
    x = Scale(0, 1.08 * max(value(row) for row in rows), area.left, area.right)
    axes = Axes(area, x, _accuracy_scale(rows, area), words, "")
    spots = [(axes.x(value(row)), axes.y(100 * row.search_accuracy)) for row in rows]
    kinds = ["hollow", *["baseline"] * (len(rows) - 2), "winner"]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in spots)
    labels = place([(*spot, row.step) for spot, row in zip(spots, rows, strict=True)], area)
    return joined(
        axes.draw(),
        element("path", d=path, class_="leader", fill="none"),
        *(_dot(spot, row, write(row), kind) for spot, row, kind in zip(spots, rows, kinds, strict=True)),
        *(text((b.box.left + b.box.right) / 2, b.box.bottom - 3, b.text, class_="name middle") for b in labels),
    )


def _dot(spot: tuple[float, float], row: Row, cost: str, kind: str) -> Markup:
    words = f"{row.step}: {100 * row.search_accuracy:.1f} %, {cost}. {row.details or NOTHING}"
    return element(
        "circle", *title(words), cx=spot[0], cy=spot[1], r=8 if kind == "hollow" else 5, class_=f"marker {kind}"
    )


def _accuracy_scale(rows: tuple[Row, ...], area: Box) -> Scale:
    found = [100 * row.search_accuracy for row in rows]
    low, high = min(found), max(found)
    room = max(0.0, _LEAST_SPAN - (high - low)) / 2 + 0.1 * max(_LEAST_SPAN, high - low)
    top = min(100.0, high + room)
    return Scale(min(low - room, top - _LEAST_SPAN), top, area.bottom, area.top)


def _kib(row: Row) -> float:
    return row.weights_bytes / 1024


def _ms(row: Row) -> float:
    return row.measured_ms


def _size(row: Row) -> str:
    return ("~" if row.computed else "") + memory(row.weights_bytes)


def _latency(row: Row) -> str:
    return milliseconds(row.measured_ms)
