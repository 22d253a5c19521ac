"""A toy search space, light enough to search thousands of times: depth, widths and kernels of five layers."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from nas.search.objective import Metrics

WIDTHS, KERNELS, LAYERS = (1, 2, 4, 6), (3, 5, 7), 5


@dataclass(frozen=True)
class ToyArchitecture:
    layers: tuple[tuple[int, int], ...]

    @property
    def digest(self):
        return hashlib.sha256(json.dumps(self.layers).encode()).hexdigest()[:16]

    def to_dict(self):
        return {"layers": [list(layer) for layer in self.layers]}


@dataclass(frozen=True)
class ToySpace:
    name: str = "toy"
    depths: tuple[int, ...] = (1, 2, 3, 4, 5)
    widths: tuple[int, ...] = WIDTHS
    named: tuple = field(default=())

    @property
    def parameters(self):
        found = {"depth": self.depths}
        for i in range(max(self.depths)):
            found[f"l{i}.width"] = self.widths
            found[f"l{i}.kernel"] = KERNELS
        return found

    def size(self):
        return sum((len(self.widths) * len(KERNELS)) ** depth for depth in self.depths)

    def seeds(self):
        return self.named

    def sample(self, rng):
        return self.decode({name: rng.choice(values) for name, values in self.parameters.items()})

    def smallest(self):
        return self.decode({name: min(values) for name, values in self.parameters.items()})

    def decode(self, params):
        return ToyArchitecture(tuple((params[f"l{i}.width"], params[f"l{i}.kernel"]) for i in range(params["depth"])))

    def encode(self, architecture):
        params = {name: values[0] for name, values in self.parameters.items()}
        params["depth"] = len(architecture.layers)
        for i, (width, kernel) in enumerate(architecture.layers):
            params[f"l{i}.width"], params[f"l{i}.kernel"] = width, kernel
        return params

    def crossover(self, first, second, rng):
        a, b = self.encode(first), self.encode(second)
        return self.decode({name: rng.choice((a[name], b[name])) for name in a})


def cost(architecture):
    macs = sum(1000 * width * kernel**2 for width, kernel in architecture.layers)
    return Metrics(
        macs=macs,
        params=macs // 10,
        latency_ms=0.2 * len(architecture.layers) + macs / 1e6,
        peak_memory_bytes=100 * max(width for width, _ in architecture.layers),
    )


def accuracy(architecture):
    """More is better, with less and less return; odd neighbours of unequal width lose a little."""
    layers = architecture["layers"]
    good = sum(width**0.5 * (1 + 0.2 * KERNELS.index(kernel)) for width, kernel in layers)
    lost = sum(0.3 for (a, _), (b, _) in itertools.pairwise(layers) if a > b)
    return 0.5 + 0.45 * max(0.0, good - lost) / (15 + good)


def failing(architecture):
    raise RuntimeError("no memory\nleft")


def failing_when_deep(architecture):
    if len(architecture["layers"]) == 5:
        raise RuntimeError("too deep")
    return accuracy(architecture)


def not_a_number(architecture):
    return float("nan")


def killed_when_wide(architecture):
    if all(width == 6 for width, _ in architecture["layers"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return accuracy(architecture)


@dataclass(frozen=True)
class NotedSpec:
    """Notes each time that it is built, and in which process."""

    notes: str

    def build(self):
        with Path(self.notes).open("a") as file:
            file.write(f"{os.getpid()}\n")
        return self

    def packed(self):
        return self

    def evaluate(self, architecture):
        return accuracy(architecture)
