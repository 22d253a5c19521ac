"""Colours that people with any kind of colour vision can tell apart.

Okabe and Ito, "Color Universal Design", 2008. Drawings name a colour by its class (``c0`` .. ``c7``); the
page's style sheet gives each class its shade for light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable

COLOURS = 8


def colours(kinds: Iterable[str]) -> dict[str, str]:
    """Give each kind a colour class, in the order they first appear; after eight they repeat."""
    return {kind: f"c{i % COLOURS}" for i, kind in enumerate(dict.fromkeys(kinds))}
