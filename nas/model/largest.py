"""The largest modules of a space: what a supernet has to hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from nas.model.slicing import Segments, Shape, packed_weights
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
        packed: weights with dimensions that are sliced part by part.
    """

    path: str
    modules: tuple[nn.Module, ...]
    exits: frozenset[str] = frozenset()
    packed: Mapping[str, Segments] = field(default_factory=dict)


def largest_parts(space: SearchSpace) -> Iterator[LargestPart]:
    """Yield every part of a space's networks."""
    largest = max(space.resolutions)
    stems = (nn.Sequential(OrderedDict(Stem(**fields).modules(largest))) for fields in extremes(space.stem))
    yield LargestPart("stem", tuple(stems))
    in_chs: Sequence[int] = space.stem["out_chs"]
    for i, stage in enumerate(space.stages):
        for j in range(max(stage.depth)):
            # Only behind the first block are stride and channels such that there is a skip.
            widths = open_widths(in_chs, stage.out_chs) if j == 0 else ((max(stage.out_chs),) * 2,)
            stride = stage.stride if j == 0 else 1
            for kind in dict.fromkeys(family.kind for family in stage.families_at(j)):
                families = [family for family in stage.families_at(j) if family.kind == kind]
                yield _largest_block(f"blocks.{i}.{j}.{kind}", families, widths, stride, has_skip=j > 0)
        in_chs = stage.out_chs
    for kind, choices in space.heads.items():
        heads = (Head(kind, **fields) for fields in extremes(choices))  # type: ignore[arg-type]
        modules = (nn.Sequential(OrderedDict(h.modules(max(in_chs), space.num_classes))) for h in heads)
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
    if "batch" in values:  # a batch norm has the weights of a layer norm and statistics besides, at every width
        return "batch"
    numbers = all(isinstance(v, (int, float)) for v in values)
    return max(values) if numbers else values[-1]


def open_widths(in_chs: Sequence[int], out_chs: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of input and output channels that show every weight of a block that opens a stage.

    A block may have weights only where the two are equal, or only where they differ (a shortcut).
    """
    pairs = [(i, o) for i in in_chs for o in out_chs]
    equal, different = [p for p in pairs if p[0] == p[1]], [p for p in pairs if p[0] != p[1]]
    found = [max(pairs), *([max(equal)] if equal else [])]
    if different:
        found += [max(different), max(different, key=lambda p: (p[1], p[0]))]
    return tuple(dict.fromkeys(found))


def _largest_block(
    path: str, families: Sequence[Family], widths: Sequence[tuple[int, int]], stride: int, *, has_skip: bool
) -> LargestPart:
    modules: list[nn.Module] = []
    exits: set[str] = set()
    held: dict[str, Shape] = {}
    family = families[0].block
    shape = {"stride": stride} if family.reshapes else {}
    combinations = [fields for entry in families for fields in extremes(entry.fields)]
    for number, (in_chs, out_chs) in enumerate(widths):
        for fields in combinations:
            block = family(out_chs=out_chs, **shape, **fields)  # type: ignore[call-arg]
            with torch.device("meta"):
                shapes = {name: tuple(w.shape) for name, w in block.build(in_chs).state_dict().items()}
            if number == 0 or not _within(shapes, held):
                modules.append(block.build(in_chs))
                exits.update(block.residual_exits)
                held.update({name: _enclosing(size, held.get(name, size)) for name, size in shapes.items()})
    return LargestPart(path, tuple(modules), frozenset(exits if has_skip else ()), packed_weights(family))


def _within(shapes: Mapping[str, Shape], held: Mapping[str, Shape]) -> bool:
    return all(name in held and _enclosing(size, held[name]) == held[name] for name, size in shapes.items())


def _enclosing(a: Shape, b: Shape) -> Shape:
    return tuple(map(max, a, b))
