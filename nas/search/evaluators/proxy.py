"""`proxy`: no training at all; a candidate is scored by figures of its untrained network (`nas.search.proxies`).

The score is no accuracy. Each proxy's figure is placed among those of random architectures of the space, always the
same ones, as a share of a normal distribution (so the best are still told apart), and the shares are averaged.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import unknown_name
from nas.search.evaluators.contract import Kind, Order, Setting

if TYPE_CHECKING:
    from nas.blocks.user import BlockFile
    from nas.search.proxies import ProxyBatch
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

REFERENCES = 24  # random architectures that every figure is placed among
BATCH = 16


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """How a worker makes its evaluator.

    Attributes:
        space: where the architectures that others are placed among are drawn.
        proxies: names of those that are averaged.
        data: what `nas.data.load_data` takes.
        data_root: folder that relative data names are looked for in.
        seed: decides the splits, the batch, the initial weights and those architectures.
        blocks: files of block families that the space needs beside those of the package.
    """

    space: SearchSpace
    proxies: tuple[str, ...]
    data: str
    data_root: Path | None
    seed: int
    blocks: tuple[BlockFile, ...] = ()

    def build(self) -> ProxyEvaluator:
        """Load a batch and score the architectures of comparison, in the process that will use them."""
        from nas.data import load_data

        for file in self.blocks:
            file.load()
        data = load_data(self.data, resolution=max(self.space.resolutions), seed=self.seed, root=self.data_root)
        from nas.data.batches import first_images
        from nas.search.proxies import ProxyBatch

        images, labels = first_images(data, "train", BATCH)
        rng = random.Random(self.seed)
        compared = [self.space.sample(rng) for _ in range(REFERENCES)]
        return ProxyEvaluator(self.proxies, ProxyBatch(images, labels), compared, self.seed)

    def packed(self) -> ProxySpec:
        """Return itself: the data must be where the workers are."""
        return self


class ProxyEvaluator:
    """Gives the mean place of an architecture's figures among those of others, in (0, 1)."""

    def __init__(self, proxies: Sequence[str], batch: ProxyBatch, compared: Sequence[Architecture], seed: int) -> None:
        self._proxies = tuple(proxies)
        self._batch = batch
        self._seed = seed
        figures = [self._figures(architecture) for architecture in compared]
        self._spreads = [_spread([row[i] for row in figures]) for i in range(len(self._proxies))]

    def evaluate(self, architecture: dict[str, Any]) -> float:
        """Return the score, higher the better, of the architecture that the plain data describe."""
        from nas.space.architecture import Architecture

        figures = self._figures(Architecture.from_dict(architecture))
        places = [_place(figure, *spread) for figure, spread in zip(figures, self._spreads, strict=True)]
        return math.fsum(places) / len(places)

    def _figures(self, architecture: Architecture) -> list[float]:
        """Return each proxy's figure; each gets a network of its own, with equal weights."""
        import torch

        from nas.model.network import build
        from nas.search.proxies import PROXIES
        from nas.search.supernet_evaluator import at_resolution

        found = []
        for name in self._proxies:
            network = at_resolution(build(architecture, seed=self._seed), architecture)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._seed)
                found.append(PROXIES[name](network, self._batch))
        return found


def _spread(figures: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation of the finite ones."""
    finite = [f for f in figures if math.isfinite(f)] or [0.0]
    mean = math.fsum(finite) / len(finite)
    return mean, math.sqrt(math.fsum((f - mean) ** 2 for f in finite) / len(finite)) or 1.0


def _place(figure: float, mean: float, deviation: float) -> float:
    """Return the share of a normal distribution below a figure."""
    return 0.5 * math.erfc((mean - figure) / (deviation * math.sqrt(2)))


def spec(order: Order, setting: Setting) -> ProxySpec:
    """Return the recipe."""
    names = tuple((order.detail or read_detail("")).split("+"))
    return ProxySpec(setting.space, names, setting.data, setting.data_root, setting.seed, setting.blocks)


def read_detail(text: str) -> str:
    """Read names of proxies joined by ``+``; none stands for the average's own members.

    Raises:
        UserError: if there is no such proxy.
    """
    from nas.search.proxies import PROXIES
    from nas.search.proxies.average import MEMBERS

    names = text.split("+") if text else list(MEMBERS)
    for name in names:
        if name not in PROXIES:
            raise unknown_name("proxy", name, PROXIES)
    return "+".join(names)


KIND = Kind(spec, words="by proxies: a rank, no accuracy", gives_accuracy=False, read_detail=read_detail)
