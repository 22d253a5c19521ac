"""Architectures as numbers: what samplers and surrogates make of a space's questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

if TYPE_CHECKING:
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

Array = NDArray[np.float64]


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the flat encoding of `space` in Optuna's terms."""
    return {name: CategoricalDistribution(values) for name, values in space.parameters.items()}


class Encoding:
    """The questions of a space, numbered.

    A question takes one column for each choice, all zero where it shaped nothing; one with numbers for choices takes
    a further column for the position among them, so that 3 is nearer to 5 than to 7.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.parameters = dict(space.parameters)
        self.distributions = distributions(space)
        self._space = space
        self._columns: dict[str, dict[Any, tuple[int, float]]] = {}
        self._position: dict[str, int] = {}
        self.parts = {name: name.split(".")[0] for name in self.parameters}  # stem, stage or head of each question
        self.width = 0
        for name, values in self.parameters.items():
            middle = (len(values) - 1) / 2
            # How far each choice lies from the middle, in units of the whole range.
            steps = {value: (i - middle) / max(1, len(values) - 1) for i, value in enumerate(values)}
            self._columns[name] = {v: (self.width + i, steps[v]) for i, v in enumerate(values)}
            self.width += len(values)
            if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
                self._position[name] = self.width
                self.width += 1

    def read(self, params: Mapping[str, Any]) -> tuple[Architecture, tuple[str, ...]]:
        """Return the architecture of answers, and the questions that shaped it."""
        noting = _Noting(params)
        return self._space.decode(noting), tuple(noting.read)

    def features(self, params: Mapping[str, Any], asked: tuple[str, ...]) -> Array:
        """Return the answers as a row of numbers."""
        row = [0.0] * self.width
        for name in asked:
            column, step = self._columns[name][params[name]]
            row[column] = 1.0
            if name in self._position:
                row[self._position[name]] = step
        return np.array(row)


class _Noting(Mapping[str, Any]):
    """Answers that note which of them are read."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        value = self._params[name]
        self.read[name] = None
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._params

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)
