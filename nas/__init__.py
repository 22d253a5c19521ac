"""Hardware-aware neural architecture search for lightweight models.

In Python: ``from nas import SearchSpace, Target, resume, search`` (docs/python.md). They are imported when they are
asked for, so that ``import nas`` costs nothing.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "SearchSpace": ("nas.space.space", "SearchSpace"),
    "Target": ("nas.search.target", "Target"),
    "resume": ("nas.jobs.library", "resume"),
    "search": ("nas.search", None),  # a package that can be called
}


def __getattr__(name: str) -> Any:
    """Import what was asked for (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PUBLIC[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    """List the public names too."""
    return sorted({*globals(), *_PUBLIC})
