"""What an evaluator's file gives: a `Kind`, which makes recipes from what was asked for and where the search stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.search.evaluate import EvaluatorSpec
from nas.training.device import CPU
from nas.training.precision import Precision
from nas.training.recipe import Recipe

if TYPE_CHECKING:
    from nas.blocks.user import BlockFile
    from nas.search.samplers.task import Listed
    from nas.space.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Order:
    """Which evaluator is asked for.

    Attributes:
        name: a name in `EVALUATORS`.
        detail: what stood after the colon, as the evaluator read it; None if it takes none.
    """

    name: str = "supernet"
    detail: str | None = None

    def __str__(self) -> str:
        return self.name if self.detail is None else f"{self.name}:{self.detail}"


@dataclass(frozen=True, slots=True)
class Setting:
    """What an evaluator may be made from.

    Attributes:
        space: the whole space, for the classes of the data.
        data: what `nas.data.load_data` takes.
        data_root: folder that relative data names are looked for in.
        seed: decides the splits, and every draw.
        recipe: how one candidate is trained from scratch.
        weights: file of the trained supernet; None where none was trained.
        blocks: files of block families that the space needs beside those of the package.
        device: what a worker computes on (`nas.training.device.resolve`).
        precision: ``float``, or ``int8`` where candidates are scored as if rounded to eight bits.
    """

    space: SearchSpace
    data: str
    data_root: Path | None
    seed: int
    recipe: Recipe
    weights: Path | None = None
    blocks: tuple[BlockFile, ...] = ()
    device: str = CPU
    precision: Precision = "float"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of scoring candidates.

    Attributes:
        spec: makes the recipe that crosses to workers.
        words: how its scores are spoken of, after a figure.
        needs_supernet: whether it scores with the weights of a trained supernet.
        gives_accuracy: whether a score is a share of right answers; else it only ranks.
        read_detail: reads what stands after the colon (empty if nothing does); None if nothing may.
        listed: gives the only architectures that it can score, of a space and of the part of it that a target can run;
            None if it can score all.
    """

    spec: Callable[[Order, Setting], EvaluatorSpec]
    words: str
    needs_supernet: bool = False
    gives_accuracy: bool = True
    read_detail: Callable[[str], str] | None = None
    listed: Callable[[Order, SearchSpace, SearchSpace], Listed] | None = None
