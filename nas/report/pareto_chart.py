"""The trade-off: accuracy against MACs or latency, with the front, the budget, baselines and the winner.

`pareto_data` picks what is shown; `draw_pareto` only draws it. A network that was trained to its end is shown with the
accuracy after that alone, and only such networks make the front: what the evaluator gave a candidate is another kind
of number. Candidates over the budget were never scored, so they have a place on the horizontal axis alone: they are
faint strokes at its foot.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from nas import pareto
from nas.report.axes import Axes, steps
from nas.report.facts import CandidateFacts, NetworkFacts, RunFacts
from nas.report.labels import Box, Label, place
from nas.report.numbers import compact, milliseconds, percent
from nas.report.scales import Scale, fit
from nas.report.svg import Markup, drawing, element, joined, text, title

Measure = Literal["macs", "latency_ms"]
Kind = Literal["winner", "finalist", "baseline", "seed"]
MOST_POINTS = 500
_UNSCORED_REACH = 1.5
_SIZES: dict[Measure, float] = {"macs": 1e6, "latency_ms": 1.0}
_TITLES: dict[Measure, str] = {"macs": "MACs (million)", "latency_ms": "estimated latency (ms)"}


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the chart, with the words of its tooltip."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A network with a name; its spread is the least and greatest accuracy of several trainings.

    A seed is a candidate, and has the accuracy that the evaluator gave; the others were trained to their end.
    """

    kind: Kind
    name: str
    feasible: bool
    point: Point
    spread: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ParetoData:
    """What one trade-off chart shows.

    Attributes:
        points: feasible, scored candidates that were not trained afterwards.
        unscored: where candidates over the budget lie on the horizontal axis.
        front: corners of the front of the trained networks, from left to right.
        budget: the limit of the horizontal axis, if there is one.
    """

    measure: Measure
    points: tuple[Point, ...]
    unscored: tuple[float, ...]
    front: tuple[tuple[float, float], ...]
    markers: tuple[Marker, ...]
    budget: float | None


def pareto_data(run: RunFacts, measure: Measure) -> ParetoData:
    """Pick what the chart of accuracy against `measure` shows."""
    points = [_candidate_point(c, measure) for c in run.untrained if c.state == "complete"]
    shown = [p for p in points if p is not None]
    markers = _markers(run, measure)
    limit = run.budget.get(measure)
    return ParetoData(
        measure=measure,
        points=tuple(shown),
        unscored=tuple(getattr(c, measure) / _SIZES[measure] for c in run.candidates if c.state == "infeasible"),
        front=staircase((m.point.x, m.point.y) for m in markers if m.feasible and m.kind != "seed"),
        markers=markers,
        budget=None if limit is None else limit / _SIZES[measure],
    )


def staircase(points: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return the points (cost, accuracy) that no other beats, from left to right."""
    entries = list(points)
    return tuple(entries[i] for i in pareto.front([(accuracy, cost) for cost, accuracy in entries]))


def thinned(points: Sequence[tuple[float, float]], cell: float, most: int) -> list[int]:
    """Return the indices of points worth drawing: one per cell of `cell` pixels, `most` in all."""
    cells: dict[tuple[int, int], int] = {}
    for i, (x, y) in enumerate(points):
        cells.setdefault((int(x // cell), int(y // cell)), i)
    kept = list(cells.values())
    return kept[:: math.ceil(len(kept) / most)] if len(kept) > most else kept


def draw_pareto(data: ParetoData, width: float, *, tooltips: bool = True) -> Markup:
    """Draw the chart `width` pixels wide."""
    height = min(400.0, max(300.0, 0.72 * width))
    axes = _axes(data, Box(44, 30, width - 16, height - 62))
    seen = [(axes.x(p.x), axes.y(p.y)) for p in data.points]
    return drawing(
        width,
        height,
        axes.draw(),
        _draw_budget(data, axes),
        _draw_unscored(data, axes),
        _draw_front(data, axes),
        _draw_points(data.points, seen, tooltips),
        *(_draw_spread(m, axes) for m in data.markers),
        *(_draw_marker(m, axes.x(m.point.x), axes.y(m.point.y)) for m in reversed(data.markers)),
        _draw_names(data, axes, seen),
        label=f"Search accuracy against {_TITLES[data.measure]}",
    )


def _candidate_point(candidate: CandidateFacts, measure: Measure) -> Point | None:
    if candidate.accuracy is None:
        return None
    words = f"candidate {candidate.number}"
    return _point(words, candidate.accuracy, candidate.macs, candidate.latency_ms, measure)


def _network_point(network: NetworkFacts, measure: Measure) -> Point | None:
    if network.search_accuracy is None:
        return None
    return _point(network.name, network.search_accuracy, network.macs, network.latency_ms, measure)


def _point(name: str, accuracy: float, macs: float, latency_ms: float, measure: Measure) -> Point:
    x = (macs if measure == "macs" else latency_ms) / _SIZES[measure]
    words = f"{name}: {percent(accuracy)}, {compact(macs)} MACs, {milliseconds(latency_ms)}"
    return Point(x, 100 * accuracy, words)


def _markers(run: RunFacts, measure: Measure) -> tuple[Marker, ...]:
    found: list[Marker] = []
    named: set[str] = set()
    for network in run.networks:
        point = _network_point(network, measure)
        if point is not None and network.role != "candidate":
            found.append(Marker(network.role, network.name, network.feasible, point, _spread(network)))
            named.add(network.name)
    for candidate in run.untrained:
        point = _candidate_point(candidate, measure)
        if point is not None and candidate.seed and candidate.seed not in named:
            found.append(Marker("seed", candidate.seed, candidate.state == "complete", point))
            named.add(candidate.seed)
    return tuple(found)


def _spread(network: NetworkFacts) -> tuple[float, float] | None:
    each = network.search_accuracies
    return (100 * min(each), 100 * max(each)) if len(each) > 1 else None


def _axes(data: ParetoData, area: Box) -> Axes:
    points = [*data.points, *(m.point for m in data.markers)]
    across = [p.x for p in points] + ([] if data.budget is None else [data.budget])
    reach = _UNSCORED_REACH * max(across, default=math.inf)
    across += [x for x in data.unscored if not points or x <= reach]
    x = fit(across, area.left, area.right, may_log=True)
    up = [p.y for p in points] + [end for m in data.markers for end in m.spread or ()]
    y = fit(up or [0.0, 100.0], area.bottom, area.top)
    capped = Scale(y.low, min(y.high, 101.0), y.start, y.stop)
    return Axes(area, x, capped, _TITLES[data.measure], "search accuracy (%)")


def _draw_budget(data: ParetoData, axes: Axes) -> Markup:
    if data.budget is None:
        return Markup("")
    x, area = axes.x(data.budget), axes.area
    words = f"budget {data.budget:.3g}" + (" ms" if data.measure == "latency_ms" else " M")
    before = x > (area.left + area.right) / 2
    # Near the left edge the name would stand on the title of the vertical axis.
    y = area.top - 10 if x > area.left + 130 else area.top + 14
    wide, high = max(0.0, area.right - x), area.bottom - area.top
    name_class = "budget-name end" if before else "budget-name"
    return joined(
        element("rect", x=x, y=area.top, width=wide, height=high, class_="over-budget"),
        element("line", x1=x, x2=x, y1=area.top - 6, y2=area.bottom, class_="budget"),
        text(x - 5 if before else x + 5, y, words, class_=name_class),
    )


def _draw_unscored(data: ParetoData, axes: Axes) -> Markup:
    area = axes.area
    inside = [axes.x(x) for x in data.unscored if axes.x.low <= x <= axes.x.high]
    beyond = len(data.unscored) - len(inside)
    places = sorted({round(x) for x in inside})
    strokes = element("path", d="".join(f"M{x} {area.bottom:.0f}v-9" for x in places), class_="unscored")
    words = f"strokes: {len(data.unscored)} over budget, not scored"
    words += f" ({beyond} off the axis)" if beyond else ""
    note = text((area.left + area.right) / 2 - 16, area.bottom + 54, words, class_="note middle")
    return joined(strokes, note) if data.unscored else Markup("")


def _draw_front(data: ParetoData, axes: Axes) -> Markup:
    if not data.front:
        return Markup("")
    corners = [(axes.x(x), axes.y(y)) for x, y in data.front]
    foot = (corners[0][0], axes.area.bottom)
    edge = axes.area.right if data.budget is None else axes.x(data.budget)
    path = steps([foot, *corners]) + (f"H{edge:.1f}" if edge > corners[-1][0] else "")
    return element("path", d=path, class_="front")


def _draw_points(points: Sequence[Point], places: Sequence[tuple[float, float]], tooltips: bool) -> Markup:
    return joined(
        *(
            element(
                "circle",
                *title(points[i].words if tooltips else ""),
                cx=places[i][0],
                cy=places[i][1],
                r=3.2,
                class_="candidate",
            )
            for i in thinned(places, 2.5, MOST_POINTS)
        )
    )


def _draw_spread(marker: Marker, axes: Axes) -> Markup:
    if marker.spread is None:
        return Markup("")
    x, low, high = axes.x(marker.point.x), axes.y(marker.spread[0]), axes.y(marker.spread[1])
    path = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"
    return element("path", d=path, class_=f"spread {marker.kind}")


def _draw_marker(marker: Marker, x: float, y: float) -> Markup:
    outline = {
        "winner": _star(x, y),
        "finalist": f"M{x - 4.5:.1f} {y:.1f}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        "baseline": f"M{x:.1f} {y - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z",
        "seed": f"M{x - 4.5:.1f} {y - 4.5:.1f}h9v9h-9z",
    }[marker.kind]
    hollow = "" if marker.feasible else " hollow"
    return element("path", *title(marker.point.words), d=outline, class_=f"marker {marker.kind}{hollow}")


def _star(x: float, y: float) -> str:
    corners = []
    for i in range(10):
        radius, angle = (10.0, 4.4)[i % 2], math.pi * (i / 5 - 0.5)
        corners.append(f"{x + radius * math.cos(angle):.1f} {y + radius * math.sin(angle):.1f}")
    return f"M{'L'.join(corners)}z"


def _draw_names(data: ParetoData, axes: Axes, seen: Sequence[tuple[float, float]]) -> Markup:
    points = [(axes.x(m.point.x), axes.y(m.point.y), m.name) for m in data.markers]
    area = axes.area
    bounds = Box(area.left + 2, area.top + 2, area.right - 2, area.bottom - 2)
    winner = next((m.name for m in data.markers if m.kind == "winner"), None)
    dots = [seen[i] for i in thinned(seen, 6.0, MOST_POINTS)]
    labels = place(points, bounds, [*dots, *_along_lines(data, axes)])
    return joined(*(_draw_name(label, "winner" if label.text == winner else "other") for label in labels))


def _draw_name(label: Label, kind: str) -> Markup:
    box = label.box
    name = text((box.left + box.right) / 2, box.bottom - 4, label.text, class_=f"name middle {kind}")
    if not label.far:
        return name
    x, y = min(max(label.x, box.left), box.right), min(max(label.y, box.top), box.bottom)
    return joined(element("line", x1=label.x, y1=label.y, x2=x, y2=y, class_="leader"), name)


def _along_lines(data: ParetoData, axes: Axes) -> list[tuple[float, float]]:
    """Return points along the front and the budget, for names to keep clear of."""
    corners = [(axes.x(x), axes.y(y)) for x, y in data.front]
    found = []
    for (x, y), (next_x, next_y) in itertools.pairwise(corners):
        found += [(at, y) for at in _every(x, next_x)] + [(next_x, at) for at in _every(next_y, y)]
    if corners:
        found += [(at, corners[-1][1]) for at in _every(corners[-1][0], axes.area.right)]
    if data.budget is not None:
        found += [(axes.x(data.budget), at) for at in _every(axes.area.top, axes.area.bottom)]
    return found


def _every(start: float, stop: float, step: float = 8.0) -> list[float]:
    return [start + i * step for i in range(int(max(0.0, stop - start) // step) + 1)]
