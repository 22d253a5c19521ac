"""A chart of left-out predictions against measurements, as a drawing that stands alone."""

from __future__ import annotations

from collections.abc import Sequence

from nas.report.axes import Axes
from nas.report.labels import Box
from nas.report.scales import Scale
from nas.report.svg import Markup, element, joined, text, title

WIDTH, HEIGHT = 600.0, 460.0
AREA = Box(left=70.0, top=64.0, right=585.0, bottom=410.0)
BAND = 1.1
ROOM = 1.25

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #555 } .name { font-size: 15px; font-weight: 600; fill: #222 }
.middle { text-anchor: middle } .end { text-anchor: end } .grid { stroke: #e4e4e4 } .axis { stroke: #888 }
.band { fill: #0072b2; opacity: .10 } .same { stroke: #777; stroke-dasharray: 4 3 }
.kernels { fill: #0072b2; opacity: .85 } .macs { fill: none; stroke: #d55e00; stroke-width: 1.4; opacity: .8 }
"""

Row = tuple[str, float, float, float]
"""A network's name, its measured latency, the prediction, and that of a line in MACs."""


def draw(name: str, rows: Sequence[Row], subtitle: str) -> Markup:
    """Draw predictions for left-out networks over their measured latency.

    Args:
        name: of the target.
        rows: the networks; latencies in milliseconds.
        subtitle: what to know about the errors.
    """
    values = [value for row in rows for value in row[1:]]
    low, high = min(values) / ROOM, max(values) * ROOM
    axes = Axes(
        AREA,
        Scale(low, high, AREA.left, AREA.right, log=True),
        Scale(low, high, AREA.bottom, AREA.top, log=True),
        "measured latency (ms)",
        "predicted (ms)",
    )
    background = element("rect", x=0, y=0, width=WIDTH, height=HEIGHT, fill="#fff")
    words = joined(text(2, 18, name, class_="name"), text(2, 36, subtitle), _legend())
    return element(
        "svg", element("style", Markup(STYLE)), background, words, axes.draw(), _band(axes), _points(axes, rows),
        xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", width=WIDTH, height=HEIGHT,
        role="img", aria_label=f"Predicted against measured latency on {name}",
    )  # fmt: skip


def _band(axes: Axes) -> Markup:
    """Draw where the prediction is right, and within a tenth."""
    low, high = axes.x.low, axes.x.high
    corners = [
        (low, low), (low, low * BAND), (high / BAND, high), (high, high), (high, high / BAND), (low * BAND, low),
    ]  # fmt: skip
    path = "M" + "L".join(f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in corners) + "Z"
    line = element("line", x1=axes.x(low), y1=axes.y(low), x2=axes.x(high), y2=axes.y(high), class_="same")
    return joined(element("path", d=path, class_="band"), line)


def _points(axes: Axes, rows: Sequence[Row]) -> Markup:
    parts = []
    for name, measured, predicted, line in rows:
        words = title(f"{name}: measured {measured:.3g} ms, predicted {predicted:.3g}, MACs only {line:.3g}")
        parts.append(element("circle", *words, cx=axes.x(measured), cy=axes.y(line), r=3.5, class_="macs"))
    for name, measured, predicted, _ in rows:
        words = title(f"{name}: measured {measured:.3g} ms, predicted {predicted:.3g}")
        parts.append(element("circle", *words, cx=axes.x(measured), cy=axes.y(predicted), r=4, class_="kernels"))
    return joined(*parts)


def _legend() -> Markup:
    y = AREA.top - 14
    return joined(
        element("circle", cx=250, cy=y, r=4, class_="kernels"), text(260, y + 4, "kernels"),
        element("circle", cx=325, cy=y, r=3.5, class_="macs"), text(335, y + 4, "a line in MACs"),
        element("rect", x=435, y=y - 6, width=16, height=12, class_="band"), text(457, y + 4, "within 10 %"),
    )  # fmt: skip
