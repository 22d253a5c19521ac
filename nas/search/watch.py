"""How a search tells whoever watches; the command line draws it, a library call may ignore it."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Takes news of a running search."""

    def say(self, text: str) -> None:
        """Take one line that stays."""

    def progress(self, stage: str, done: float, total: float, note: str = "") -> None:
        """Take how far a stage is."""


class Silent:
    """Ignores everything."""

    def say(self, text: str) -> None:
        """Ignore a line."""

    def progress(self, stage: str, done: float, total: float, note: str = "") -> None:
        """Ignore progress."""
