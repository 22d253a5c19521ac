"""The largest modules of a space: what a supernet has to hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from nas.space.ends import Head, Stem
from nas.space.options import Family, Values
from nas.space.space import SearchSpace


@dataclass(frozen=True)
class LargestPart:
    """The stem, one family at one place, or one kind of head, at its largest.

    Attributes:
        path: where its weights are kept.
        modules: between them they have every weight of the part at its largest.
        exits: weights that scale what a block adds to its skip; empty where it has none.
    """

    path: str
    modules: tuple[nn.Module, ...]
    exits: frozenset[str] = frozenset()


def largest_parts(space: SearchSpace) -> Iterator[LargestPart]:
    """Yield every part of a space's networks."""
    stems = (nn.Sequential(OrderedDict(Stem(**fields).modules())) for fields in extremes(space.stem))
    yield LargestPart("stem", tuple(stems))
    in_chs = max(space.stem["out_chs"])
    for i, stage in enumerate(space.stages):
        out_chs = max(stage.out_chs)
        for j in range(max(stage.depth)):
            for family in stage.families_at(j):
                # Only behind the first block are stride and channels such that there is a skip.
                yield _largest_block(f"blocks.{i}.{j}.{family.kind}", family, in_chs, out_chs, has_skip=j > 0)
            in_chs = out_chs
    for kind, choices in space.heads.items():
        heads = (Head(kind, **fields) for fields in extremes(choices))  # type: ignore[arg-type]
        modules = (nn.Sequential(OrderedDict(h.modules(in_chs, space.num_classes))) for h in heads)
        yield LargestPart(f"heads.{kind}", tuple(modules))


def extremes(choices: Mapping[str, Values]) -> Iterator[dict[str, Any]]:
    """Yield the combination of all largest numbers, and that with each field set to each of its other values.

    Fields that are words (squeeze-and-excitation, activation) may add weights or change their shapes, and a window of
    size 0 removes a layer; between them these combinations show every weight at its largest.
    """
    top = {name: _top(values) for name, values in choices.items()}
    yield top
    for name, values in choices.items():
        for value in values:
            if value != top[name]:
                yield {**top, name: value}


def _top(values: Values) -> Any:
    numbers = all(isinstance(v, (int, float)) for v in values)
    return max(values) if numbers else values[-1]


def _largest_block(path: str, family: Family, in_chs: int, out_chs: int, *, has_skip: bool) -> LargestPart:
    blocks = [family.block(out_chs=out_chs, **fields) for fields in extremes(family.fields)]  # type: ignore[call-arg]
    exits = frozenset(name for block in blocks for name in block.residual_exits) if has_skip else frozenset()
    return LargestPart(path, tuple(block.build(in_chs) for block in blocks), exits)
