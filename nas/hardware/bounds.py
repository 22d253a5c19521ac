"""The fewest weights that a network of a space can have, without looking at each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from nas.cost.cost import Classifier, Part, trace_part
from nas.space.ends import Head, Stem
from nas.space.options import Family, StageOptions, Values
from nas.space.space import SearchSpace

_SIDE = 8  # of the maps that parts are traced on; weights do not depend on it


def fewest_params(space: SearchSpace) -> int:
    """Return the parameters of the space's smallest network.

    Every block has the family and the fields of fewest parameters that its place allows, whatever is tied, so where
    fields are tied it is a bound from below.
    """
    side = min(space.resolutions)
    fewest: dict[int, int] = {}  # by the channels that come out
    for fields in _smallest(space.stem):
        stem = Stem(**fields)
        fewest[stem.out_chs] = min(_params(stem, 3, side), fewest.get(stem.out_chs, 1 << 62))
    for stage in space.stages:
        fewest = {
            out_chs: min(before + _stage_params(stage, in_chs, out_chs) for in_chs, before in fewest.items())
            for out_chs in stage.out_chs
        }
    return min(before + _head_params(space, chs) for chs, before in fewest.items())


def _stage_params(stage: StageOptions, in_chs: int, out_chs: int) -> int:
    later = min(stage.depth) - 1
    opening = min(_family_params(f, in_chs, out_chs, stage.stride) for f in stage.families_at(0))
    return opening + (later * min(_family_params(f, out_chs, out_chs, 1) for f in stage.families_at(1)) if later else 0)


def _family_params(family: Family, in_chs: int, out_chs: int, stride: int) -> int:
    shape = {"out_chs": out_chs, **({"stride": stride} if family.block.reshapes else {})}
    return min(_params(family.block(**shape, **fields), in_chs, _SIDE) for fields in _smallest(family.fields))


def _head_params(space: SearchSpace, in_chs: int) -> int:
    heads = (Head(kind, **f) for kind, fields in space.heads.items() for f in _smallest(fields))  # type: ignore[arg-type]
    return min(_params(Classifier(head, space.num_classes), in_chs, _SIDE) for head in heads)


def _smallest(choices: Mapping[str, Values]) -> Iterator[dict[str, Any]]:
    """Yield the combinations of the smallest numbers with all widths and words; activations have no weights."""
    numbers = {n: all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in vs) for n, vs in choices.items()}
    kept = [
        (min(v),) if numbers[name] and name != "out_chs" else v[:1] if name == "act" else v
        for name, v in choices.items()
    ]
    for values in itertools.product(*kept):
        yield dict(zip(choices, values, strict=True))


def _params(part: Part, in_chs: int, side: int) -> int:
    return trace_part(part, (in_chs, side, side)).params
