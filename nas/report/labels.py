"""Names beside points, placed so that they cover neither each other nor the points."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

FONT_SIZE = 12.0
_HEIGHT = 15.0
_RADII = (10.0, 18.0, 30.0, 44.0, 60.0, 80.0, 104.0)
_DIRECTIONS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a drawing; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Return the area that both boxes cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across * down if across > 0 and down > 0 else 0.0

    def holds(self, other: Box) -> bool:
        """Tell whether `other` lies within this box."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A name that was given a place; `far` asks for a line to its point."""

    text: str
    box: Box
    x: float
    y: float
    far: bool


def text_width(words: str, size: float = FONT_SIZE) -> float:
    """Estimate how wide `words` are drawn in a common sans-serif font."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in words)
    return size * (0.6 * (len(words) - wide) + 1.0 * wide)


def shortened(words: str, width: float, size: float = FONT_SIZE) -> str:
    """Cut `words` to `width`, with an ellipsis where something was cut."""
    if text_width(words, size) <= width:
        return words
    keep = len(words)
    while keep > 1 and text_width(words[:keep] + "…", size) > width:
        keep -= 1
    return words[:keep].rstrip() + "…"


def place(
    points: Sequence[tuple[float, float, str]], bounds: Box, obstacles: Sequence[tuple[float, float]] = ()
) -> list[Label]:
    """Give each named point's name a place, the first ones first.

    Args:
        points: x, y and name of each.
        bounds: what every name must lie within.
        obstacles: other points, better not covered.
    """
    markers = [Box(x - 7, y - 7, x + 7, y + 7) for x, y, _ in points]
    dots = [Box(x - 3, y - 3, x + 3, y + 3) for x, y in obstacles]
    placed: list[Label] = []
    for x, y, name in points:
        words = shortened(name, 0.45 * (bounds.right - bounds.left))
        taken = [label.box for label in placed]
        options = _options(x, y, text_width(words))
        inside = [(rank, radius, box) for rank, (radius, box) in enumerate(options) if bounds.holds(box)]
        if not inside:
            continue
        _, radius, box = min(inside, key=lambda option: _badness(option[2], option[0], taken, markers, dots))
        placed.append(Label(words, box, x, y, far=radius > _RADII[1]))
    return placed


def _options(x: float, y: float, width: float) -> list[tuple[float, Box]]:
    options = []
    for radius, (dx, dy) in itertools.product(_RADII, _DIRECTIONS):
        diagonal = 0.75 if dx and dy else 1.0
        middle_x = x + dx * (radius * diagonal + width / 2)
        middle_y = y + dy * (radius * diagonal + _HEIGHT / 2)
        box = Box(middle_x - width / 2, middle_y - _HEIGHT / 2, middle_x + width / 2, middle_y + _HEIGHT / 2)
        options.append((radius, box))
    return options


def _badness(box: Box, rank: int, taken: Sequence[Box], markers: Sequence[Box], dots: Sequence[Box]) -> float:
    covered_labels = sum(box.overlap(b) for b in taken)
    covered_markers = sum(box.overlap(b) for b in markers)
    covered_dots = sum(box.overlap(b) > 0 for b in dots)
    return 1000 * (covered_labels > 0) + 20 * covered_labels + 6 * covered_markers + 8 * covered_dots + 2 * rank
