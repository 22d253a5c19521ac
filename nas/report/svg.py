"""Elements of HTML and SVG as text; the only place where markup is put together.

`Markup` is text that is already safe: names and other words enter through `escaped`.
"""

from __future__ import annotations

import html
from typing import NewType

Markup = NewType("Markup", str)
Attribute = str | float | None

_VOID = frozenset({"meta", "link", "br", "hr"})
_EMPTY_IN_SVG = frozenset({"path", "rect", "circle", "line"})


def escaped(text: str) -> Markup:
    """Make any words safe to stand in markup."""
    return Markup(html.escape(text))


def element(tag: str, *children: Markup, **attributes: Attribute) -> Markup:
    """Write one element.

    Args:
        tag: its name.
        children: what is inside.
        attributes: ``class_`` gives ``class``, ``stroke_width`` gives ``stroke-width``; None leaves one out.
    """
    written = "".join(
        f' {_attribute_name(name)}="{_attribute_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    if tag in _EMPTY_IN_SVG and not children:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{''.join(children)}</{tag}>")


def joined(*parts: Markup) -> Markup:
    """Put pieces of markup one after the other."""
    return Markup("".join(parts))


def text(x: float, y: float, words: str, **attributes: Attribute) -> Markup:
    """Write words at a point of a drawing."""
    return element("text", escaped(words), x=x, y=y, **attributes)


def title(words: str) -> tuple[Markup, ...]:
    """Make a tooltip: the first child of a shape; nothing if there are no words."""
    return (element("title", escaped(words)),) if words else ()


def drawing(width: float, height: float, *children: Markup, label: str) -> Markup:
    """Write a whole drawing.

    Args:
        width: in units that are pixels at full size.
        height: likewise.
        children: what is drawn.
        label: what it shows, for people who do not see it.
    """
    size = f"0 0 {_attribute_value(width)} {_attribute_value(height)}"
    return element("svg", *children, viewBox=size, width=width, height=height, role="img", aria_label=label)


def number(value: float) -> str:
    """Write a coordinate shortly: one decimal at most."""
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def _attribute_name(name: str) -> str:
    return name.rstrip("_").replace("_", "-") if name != "viewBox" else name


def _attribute_value(value: str | float | None) -> str:
    return html.escape(value) if isinstance(value, str) else number(value or 0.0)
