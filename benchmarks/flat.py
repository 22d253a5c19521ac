"""Search spaces that are a flat table of choices: all that a sampler needs, without networks."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Point:
    """An architecture that is nothing but its answers (canonical: none for blocks that do not exist)."""

    answers: tuple[tuple[str, Any], ...]

    @cached_property
    def digest(self) -> str:
        """The name of the architecture."""
        return hashlib.sha256(json.dumps(self.answers).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dict(self.answers)


@dataclass
class FlatSpace:
    """The interface of a search space over a flat table of choices."""

    name: str
    parameters: Mapping[str, tuple[Any, ...]]
    exists: Callable[[str, Mapping[str, Any]], bool] = field(default=lambda _name, _params: True)

    def size(self) -> int:
        """Count the combinations of answers, those with the same architecture too."""
        return int(np.prod([len(values) for values in self.parameters.values()], dtype=float))

    def seeds(self) -> tuple[tuple[str, Any], ...]:
        """Return no starting points."""
        return ()

    def sample(self, rng: random.Random) -> Point:
        """Draw every answer uniformly."""
        return self.decode({name: rng.choice(values) for name, values in self.parameters.items()})

    def smallest(self) -> Point:
        """Return the point with the first choice everywhere."""
        return self.decode({name: values[0] for name, values in self.parameters.items()})

    def decode(self, params: Mapping[str, Any]) -> Point:
        """Keep the answers that shape the architecture."""
        return Point(tuple((name, params[name]) for name in self.parameters if self.exists(name, params)))

    def encode(self, point: Point) -> dict[str, Any]:
        """Answer the questions that were not asked with their first choice."""
        return {name: values[0] for name, values in self.parameters.items()} | point.to_dict()

    def crossover(self, first: Point, second: Point, rng: random.Random) -> Point:
        """Take each answer from one of two parents."""
        a, b = self.encode(first), self.encode(second)
        return self.decode({name: rng.choice((a[name], b[name])) for name in a})
