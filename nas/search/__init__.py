"""Searching: objective, evaluators, samplers, the study and its executors.

``from nas import search`` gives this package; calling it searches, as `nas.jobs.library.search` says. (The function
cannot stand in `nas` under this name: importing any module of this package would put the package in its place.)
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package that can be called."""

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Search; see `nas.jobs.library.search` for the arguments."""
        from importlib import import_module

        return import_module("nas.jobs.library").search(*args, **settings)


sys.modules[__name__].__class__ = _Callable
