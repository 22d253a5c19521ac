"""Starting points of a space, as its file names them.

A seed gives answers by the last part of the question (``exp_ratio: 6``), by kind and field (``mbconv.act: relu6``) or
in full (``s2.depth: 2``); the most specific wins. ``largest`` and ``smallest`` pick the extreme number, ``middle`` the
one between; of a list the first that is a choice counts; what a seed does not answer is ``all``, else ``middle``. A
kind stands for every entry of that kind, the first that is possible.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nas.schema import Problems
from nas.space.choices import as_tuple
from nas.space.options import Values

Pick = Callable[[str, Values], Any]


def least(values: Values, rng: random.Random | None = None) -> Any:
    """Return the smallest number; of words the first, or one that `rng` draws."""
    if _are_numbers(values):
        return min(values)
    return rng.choice(values) if rng else values[0]


def greatest(values: Values, rng: random.Random | None = None) -> Any:
    """Return the largest number; of words the last, or one that `rng` draws."""
    if _are_numbers(values):
        return max(values)
    return rng.choice(values) if rng else values[-1]


def seed_pick(given: Mapping[str, Any]) -> Pick:
    """Return what answers the questions of a space as a seed says."""

    def pick(name: str, values: Values) -> Any:
        answer = next((given[key] for key in _keys(name) if key in given), given.get("all", "middle"))
        for option in as_tuple(answer):
            if option in values:
                return values[values.index(option)]
            if name.endswith("kind") and option in [_kind(value) for value in values]:
                return next(value for value in values if _kind(value) == option)
            if option in _EXTREMES:
                return _EXTREMES[option](values)
        return values[0]

    return pick


def check_seeds(seeds: Mapping[str, Mapping[str, Any]], questions: Iterable[str], problems: Problems) -> None:
    """Note what answers no open question of the space."""
    known = {key for question in questions for key in _keys(question)} | {"all"}
    for seed, given in seeds.items():
        for key, answer in given.items():
            if key not in known:
                problems.add(f"$.seeds.{seed}.{key}", "answers no open question of this space")
            if any(isinstance(option, (list, tuple, dict)) for option in as_tuple(answer)):
                problems.add(f"$.seeds.{seed}.{key}", "expected one value, or a list of values")


def _keys(question: str) -> list[str]:
    """Return what a question may be called, the most specific first."""
    parts = question.split(".")
    by_kind = [f"{_kind(parts[-2])}.{parts[-1]}"] if len(parts) > 1 else []
    return [question, ".".join(parts[-2:]), *by_kind, parts[-1]]


def _kind(name: str) -> str:
    """Return the kind of a family's name: without its number."""
    return str(name).partition("-")[0]


def _middle(values: Values) -> Any:
    return sorted(values)[len(values) // 2] if _are_numbers(values) else values[0]


def _are_numbers(values: Values) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


_EXTREMES: Mapping[str, Callable[[Values], Any]] = {"smallest": least, "middle": _middle, "largest": greatest}
