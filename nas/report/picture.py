"""A drawing as an SVG file that stands by itself: it brings its style sheet along, for light and dark."""

from __future__ import annotations

from pathlib import Path

from nas.report.labels import shortened
from nas.report.svg import Markup, element, escaped, text

TOP = 62.0
"""Where what is drawn begins, below heading and note."""


def picture(heading: str, note: str, width: float, height: float, *drawn: Markup) -> str:
    """Return the text of an SVG file.

    Args:
        heading: what it shows.
        note: what else is to be known, on one line.
        width: in units that are pixels at full size.
        height: likewise, heading and note included.
        drawn: what stands below them, from `TOP` on.
    """
    style = (Path(__file__).with_name("page.css")).read_text(encoding="utf-8")
    whole = element(
        "svg",
        element("title", escaped(f"{heading}: {note}")),
        element("style", Markup(style)),
        element("rect", width=width, height=height, style="fill: var(--card)"),
        text(16, 28, shortened(heading, width - 32, 15), class_="stage-name", style="font-size: 15px"),
        text(16, 46, shortened(note, width - 32), class_="note"),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=height,
        # The style sheet is the page's, where the text's family is that of the body.
        style=f"max-width: {width:.0f}px; margin: auto; font-family: system-ui, sans-serif",
    )
    return whole + "\n"
