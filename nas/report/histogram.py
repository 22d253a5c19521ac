"""How costs of random architectures spread: bins, a picture of them, and the same in a few lines of text.

The picture is one SVG file that stands by itself: it brings its style sheet along, for light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nas.report.axes import Axes
from nas.report.labels import Box, text_width
from nas.report.picture import TOP, picture
from nas.report.scales import Scale, fit
from nas.report.svg import Markup, element, joined, text, title

BINS = 30
TEXT_ROWS = 10  # a divisor of BINS
_TEXT_WIDTH = 40
_LEFT, _RIGHT = 52.0, 22.0
_PLOT_HEIGHT = 190.0
_ROW = 15.0


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values between edges: one edge more than counts, evenly spaced, by the logarithm if `log`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    log: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One histogram of the picture.

    Attributes:
        axis: what the values are, with their unit.
        bins: the histogram, in that unit.
        median: of the values.
        marks: names and values that are pointed out; those outside the histogram are left out.
    """

    axis: str
    bins: Histogram
    median: float
    marks: tuple[tuple[str, float], ...] = ()


def histogram(values: Sequence[float], bins: int = BINS) -> Histogram:
    """Count `values` in `bins` steps between the smallest and the largest."""
    low, high = min(values), max(values)
    if low == high:
        return Histogram((low, high), (len(values),), log=False)
    log = fit(list(values), 0, 1, may_log=True).log
    place = Scale(low, high, 0, bins, log=log)
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int(place(value)))] += 1
    step = math.log(high / low) / bins if log else (high - low) / bins
    edges = [low * math.exp(i * step) if log else low + i * step for i in range(bins)]
    return Histogram((*edges, high), tuple(counts), log)


def histogram_text(bins: Histogram, write: Callable[[float], str]) -> str:
    """Draw a histogram in lines of text; `write` writes a value with its unit."""
    together = max(1, len(bins.counts) // TEXT_ROWS)
    counts = [sum(bins.counts[i : i + together]) for i in range(0, len(bins.counts), together)]
    edges = [*bins.edges[:-1:together], bins.edges[-1]]
    low, high = [write(edge) for edge in edges[:-1]], [write(edge) for edge in edges[1:]]
    widths = [max(map(len, column)) for column in (low, high)]
    lines = []
    for a, b, count in zip(low, high, counts, strict=True):
        bar = "█" * math.ceil(_TEXT_WIDTH * count / max(counts))
        lines.append(f"  {a:>{widths[0]}} to {b:>{widths[1]}}  {bar} {count}".rstrip())
    return "\n".join(lines)


def draw_histograms(heading: str, note: str, panels: Sequence[Panel], width: float = 860) -> str:
    """Draw histograms below each other as the text of an SVG file."""
    drawn, y = [], TOP
    for panel in panels:
        part, height = _draw_panel(panel, y, width)
        drawn.append(part)
        y += height
    return picture(heading, note, width, y, *drawn)


def _draw_panel(panel: Panel, top: float, width: float) -> tuple[Markup, float]:
    low, high = panel.bins.edges[0], panel.bins.edges[-1]
    marks = sorted((mark for mark in panel.marks if low <= mark[1] <= high), key=lambda mark: mark[1])
    x = _scale(panel, marks, width)
    rows = _label_rows([(name, x(value)) for name, value in marks])
    area_top = top + 30 + _ROW * (max(rows, default=-1) + 1)
    area = Box(x.start, area_top, x.stop, area_top + _PLOT_HEIGHT)
    axes = Axes(area, x, Scale(0, 1.08 * max(panel.bins.counts), area.bottom, area.top), panel.axis, "")
    words = f"how many of {sum(panel.bins.counts):,}" + ("; published networks that the space holds" if marks else "")
    parts = [text(16, top + 12, words, class_="axis-title"), axes.draw(), _draw_bars(panel, axes)]
    parts += [_draw_median(panel, axes)]
    parts += [_draw_mark(mark, row, axes) for mark, row in zip(marks, rows, strict=True)]
    return joined(*parts), area.bottom + 62 - top


def _scale(panel: Panel, marks: Sequence[tuple[str, float]], width: float) -> Scale:
    """Return the horizontal scale, narrow enough that the names of marks have room to the right of them."""
    ends, margin = [panel.bins.edges[0], panel.bins.edges[-1]], _RIGHT
    for _ in range(4):  # a narrower scale moves the marks, and so needs less room
        x = fit(ends, _LEFT, width - margin, may_log=panel.bins.log)
        margin += max((x(value) + 9 + text_width(name) - width for name, value in marks), default=0.0)
        margin = max(margin, _RIGHT)
    return fit(ends, _LEFT, width - margin, may_log=panel.bins.log)


def _draw_bars(panel: Panel, axes: Axes) -> Markup:
    bars = []
    for i, count in enumerate(panel.bins.counts):
        left, right = axes.x(panel.bins.edges[i]), axes.x(panel.bins.edges[i + 1])
        if count:
            words = f"{panel.bins.edges[i]:.3g} to {panel.bins.edges[i + 1]:.3g}: {count}"
            y = axes.y(count)
            wide = max(2.0, right - left - 1)
            high = axes.area.bottom - y
            bars.append(element("rect", *title(words), x=left, y=y, width=wide, height=high, class_="bar c4"))
    return joined(*bars)


def _draw_median(panel: Panel, axes: Axes) -> Markup:
    x = axes.x(panel.median)
    line = element("line", x1=x, x2=x, y1=axes.area.top, y2=axes.area.bottom, class_="budget")
    return joined(line, text(x + 5, axes.area.top + 12, f"median {panel.median:.3g}", class_="name budget-name"))


def _draw_mark(mark: tuple[str, float], row: int, axes: Axes) -> Markup:
    name, value = mark
    x, y = axes.x(value), axes.area.top - 8 - _ROW * row
    return joined(
        element("line", x1=x, x2=x, y1=y - 9, y2=axes.area.bottom, class_="leader"),
        element("circle", *title(f"{name}: {value:.3g}"), cx=x, cy=axes.area.bottom, r=4, class_="marker baseline"),
        text(x + 4, y, name, class_="name"),
    )


def _label_rows(marks: Sequence[tuple[str, float]]) -> list[int]:
    """Give each name the lowest row where no line of a mark to its right goes through it."""
    rows: list[int] = []
    for i in reversed(range(len(marks))):
        name, x = marks[i]
        end = x + 4 + text_width(name) + 6
        crossed = [row for row, (_, other) in zip(rows, marks[i + 1 :], strict=True) if other < end]
        rows.insert(0, max(crossed, default=-1) + 1)
    return rows
