"""The largest modules of a space: what a supernet has to hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from nas.space.ends import Head, Stem
from nas.space.options import Family, Values
from nas.space.space import SearchSpace


def largest_parts(space: SearchSpace) -> Iterator[tuple[str, list[nn.Module]]]:
    """Yield every part of a space's networks with the modules that between them have its largest weights.

    A part is the stem, one family at one place, or one kind of head.
    """
    yield "stem", [nn.Sequential(OrderedDict(Stem(**fields).modules())) for fields in extremes(space.stem)]
    in_chs = max(space.stem["out_chs"])
    for i, stage in enumerate(space.stages):
        out_chs = max(stage.out_chs)
        for j in range(max(stage.depth)):
            for family in stage.families_at(j):
                yield f"blocks.{i}.{j}.{family.kind}", _blocks(family, in_chs, out_chs)
            in_chs = out_chs
    for kind, choices in space.heads.items():
        heads = [Head(kind, **fields) for fields in extremes(choices)]  # type: ignore[arg-type]
        yield f"heads.{kind}", [nn.Sequential(OrderedDict(h.modules(in_chs, space.num_classes))) for h in heads]


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


def _blocks(family: Family, in_chs: int, out_chs: int) -> list[nn.Module]:
    return [family.block(out_chs=out_chs, **fields).build(in_chs) for fields in extremes(family.fields)]  # type: ignore[call-arg]
