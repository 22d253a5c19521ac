"""A supernet's ranking as a picture: inherited accuracy against the accuracy after training alone."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from nas.report.axes import Axes
from nas.report.labels import Box
from nas.report.numbers import compact, counted
from nas.report.picture import TOP, picture
from nas.report.scales import Scale, fit
from nas.report.svg import Markup, element, joined, title

_WIDTH, _HEIGHT = 560.0, 520.0


def draw_ranking(found: Mapping[str, Any]) -> str:
    """Draw what `nas.jobs.supernet_eval` found as the text of an SVG file; a line spans a network's seeds."""
    networks = found["networks"]
    area = Box(52, TOP + 30, _WIDTH - 22, _HEIGHT - 50)
    x = _scale([100 * a for n in networks for a in n["alone"]], area.left, area.right)
    y = _scale([100 * n["inherited"] for n in networks], area.bottom, area.top)
    axes = Axes(area, x, y, f"accuracy after {_passes(found)} alone (%)", "inherited accuracy (%)")
    tau = found["tau"]
    heading = f"Kendall's tau {tau['tau']:.2f} ({tau['low']:.2f} to {tau['high']:.2f})"
    note = (
        f"{len(networks)} networks of {found['space']} on {found['data']}, {counted(found['seeds'], 'training')} each"
    )
    return picture(heading, note, _WIDTH, _HEIGHT, axes.draw(), *(_draw_network(n, axes) for n in networks))


def _passes(found: Mapping[str, Any]) -> str:
    epochs = found["alone"]["epochs"]
    return counted(epochs, "pass", "passes")


def _scale(values: list[float], start: float, stop: float) -> Scale:
    scale = fit(values, start, stop)
    return Scale(scale.low, min(scale.high, 101.0), start, stop)


def _draw_network(network: Mapping[str, Any], axes: Axes) -> Markup:
    alone = [100 * accuracy for accuracy in network["alone"]]
    mean, inherited = statistics.fmean(alone), 100 * network["inherited"]
    y = axes.y(inherited)
    words = f"{network['digest']}: {mean:.1f} % alone, {inherited:.1f} % inherited, {compact(network['macs'])} MACs"
    return joined(
        element("line", x1=axes.x(min(alone)), x2=axes.x(max(alone)), y1=y, y2=y, class_="leader"),
        element("circle", *title(words), cx=axes.x(mean), cy=y, r=4, class_="candidate"),
    )
