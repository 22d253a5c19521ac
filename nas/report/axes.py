"""The frame of a chart: grid lines, numbers at the ticks, titles of the axes."""

from __future__ import annotations

from dataclasses import dataclass

from nas.report.labels import Box
from nas.report.scales import Scale, tick_text
from nas.report.svg import Markup, element, joined, text


@dataclass(frozen=True, slots=True)
class Axes:
    """A plotting area with its two scales; `y` runs from its bottom to its top."""

    area: Box
    x: Scale
    y: Scale
    x_title: str
    y_title: str

    def draw(self) -> Markup:
        """Draw the frame; what is plotted comes on top of it."""
        return joined(self._rows(), self._columns(), self._titles())

    def _rows(self) -> Markup:
        parts = []
        for tick in self.y.ticks(5 if self.area.bottom - self.area.top > 150 else 3):
            y = self.y(tick)
            parts.append(element("line", x1=self.area.left, x2=self.area.right, y1=y, y2=y, class_="grid"))
            parts.append(text(self.area.left - 7, y + 4, tick_text(tick), class_="tick end"))
        return joined(*parts)

    def _columns(self) -> Markup:
        bottom = self.area.bottom
        parts = [element("line", x1=self.area.left, x2=self.area.right, y1=bottom, y2=bottom, class_="axis")]
        for tick in self.x.ticks(max(3, int((self.area.right - self.area.left) / 80))):
            x = self.x(tick)
            parts.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"))
            parts.append(text(x, bottom + 17, tick_text(tick), class_="tick middle"))
        return joined(*parts)

    def _titles(self) -> Markup:
        middle = (self.area.left + self.area.right) / 2
        above = self.area.top - 10
        below = self.area.bottom + 35
        x_title = text(middle, below, self.x_title, class_="axis-title middle") if self.x_title else Markup("")
        return joined(text(2, above, self.y_title, class_="axis-title"), x_title)


def steps(corners: list[tuple[float, float]]) -> str:
    """Return the path through `corners` that goes across first, then up or down."""
    if not corners:
        return ""
    (x, y), *rest = corners
    return f"M{x:.1f} {y:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)
