"""How the search went: the best feasible accuracy so far, and how much of the final front was found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas import pareto
from nas.report.axes import Axes, steps
from nas.report.facts import CandidateFacts, RunFacts
from nas.report.labels import Box
from nas.report.pareto_chart import MOST_POINTS, thinned
from nas.report.scales import Scale, fit
from nas.report.svg import Markup, drawing, element, joined


@dataclass(frozen=True, slots=True)
class HistoryData:
    """The course of a search, by evaluation; accuracies and areas are in percent.

    Attributes:
        tried: evaluation and accuracy of every trained candidate.
        best: where the best accuracy so far rose.
        area: where the area under the front (accuracy against log MACs) grew, as a share of its end.
        evaluations: how many candidates there were, with those over the budget.
    """

    tried: tuple[tuple[int, float], ...]
    best: tuple[tuple[int, float], ...]
    area: tuple[tuple[int, float], ...]
    evaluations: int


def history_data(run: RunFacts) -> HistoryData:
    """Follow a search candidate by candidate, in the order in which they finished."""
    counted = [(i, c) for i, c in enumerate(run.candidates, start=1) if _trained(c)]
    tried = tuple((i, 100 * (c.accuracy or 0.0)) for i, c in counted)
    best: list[tuple[int, float]] = []
    for i, accuracy in tried:
        if not best or accuracy > best[-1][1]:
            best.append((i, accuracy))
    places = [(i, (c.accuracy or 0.0, math.log10(c.macs))) for i, c in counted]
    return HistoryData(tried, tuple(best), tuple(_area_growth(places)), len(run.candidates))


def draw_history(data: HistoryData, width: float) -> Markup:
    """Draw the two courses above each other, `width` pixels wide."""
    height = 378.0 if data.area else 262.0
    x = Scale(0, max(1, data.evaluations), 44, width - 22)
    above = Axes(
        Box(44, 30, width - 22, 216),
        x,
        _accuracy_scale(data),
        _x_title(not data.area),
        "best search accuracy so far (%), and each candidate's",
    )
    parts = [above.draw(), _draw_tried(data, above), _draw_course(data.best, above, data.evaluations, "best")]
    if data.area:
        y = Scale(0, 100, 330, 268)
        below = Axes(Box(44, 268, width - 22, 330), x, y, _x_title(True), "area under the front (% of its end)")
        parts += [below.draw(), _draw_course(data.area, below, data.evaluations, "area")]
    return drawing(width, height, *parts, label="Best accuracy and area under the front by evaluation")


def _trained(candidate: CandidateFacts) -> bool:
    return candidate.state == "complete" and candidate.accuracy is not None and candidate.macs > 0


def _area_growth(places: list[tuple[int, tuple[float, float]]]) -> list[tuple[int, float]]:
    """Follow the area of (accuracy, log MACs) that the front so far dominates."""
    if not places:
        return []
    worst = (min(accuracy for _, (accuracy, _) in places), max(cost for _, (_, cost) in places))
    front: list[pareto.Point] = []
    growth: list[tuple[int, float]] = []
    for i, point in places:
        points = [*front, point]
        grown = [points[j] for j in pareto.front(points)]
        if grown != front:
            front = grown
            growth.append((i, pareto.hypervolume(front, worst)))
    end = growth[-1][1]
    return [(i, 100 * area / end) for i, area in growth] if end > 0 else []


def _x_title(shown: bool) -> str:
    return "evaluations (with those over budget)" if shown else ""


def _accuracy_scale(data: HistoryData) -> Scale:
    y = fit([accuracy for _, accuracy in data.tried], 216, 30)
    return Scale(y.low, min(y.high, 101.0), y.start, y.stop)


def _draw_tried(data: HistoryData, axes: Axes) -> Markup:
    places = [(axes.x(i), axes.y(accuracy)) for i, accuracy in data.tried]
    kept = [places[i] for i in thinned(places, 2.5, MOST_POINTS)]
    return joined(*(element("circle", cx=x, cy=y, r=2.8, class_="tried") for x, y in kept))


def _draw_course(course: tuple[tuple[int, float], ...], axes: Axes, end: int, kind: str) -> Markup:
    if not course:
        return Markup("")
    path = steps([(axes.x(i), axes.y(value)) for i, value in course])
    return element("path", d=f"{path}H{axes.x(end):.1f}", class_=f"course {kind}")
