"""Why an architecture is not in a search space: the first thing about it that the space does not allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nas.blocks import Block
from nas.space.architecture import Architecture
from nas.space.options import Family, StageOptions, Values
from nas.space.space import SearchSpace, read_block


def reason_outside(architecture: Architecture, space: SearchSpace) -> str | None:
    """Return the first difference in words, from the image to the classes; None if the space has the architecture."""
    if space.contains(architecture):
        return None
    found = (
        _unlike("the image's side", architecture.resolution, space.resolutions)
        or _field("the stem", architecture.stem, space.stem)
        or _stages(architecture, space)
        or _unlike("the head", architecture.head.kind, tuple(space.heads))
        or _field("the head", architecture.head, space.heads[architecture.head.kind])
    )
    return found or "it answers a question that the space asks once in more than one way (tied fields)"


def _stages(architecture: Architecture, space: SearchSpace) -> str | None:
    if len(architecture.stages) != len(space.stages):
        return f"it has {len(architecture.stages)} stages, the space {len(space.stages)}"
    inputs = iter(architecture.inputs())
    for i, (blocks, stage) in enumerate(zip(architecture.stages, space.stages, strict=True)):
        places = [next(inputs) for _ in blocks]
        found = _unlike(f"the number of blocks in stage {i}", len(blocks), stage.depth)
        for j, (block, (in_chs, side)) in enumerate(zip(blocks, places, strict=True)):
            found = found or _block(f"block {j} of stage {i}", block, stage, j, in_chs, side)
        if found:
            return found
    return None


def _block(place: str, block: Block, stage: StageOptions, position: int, in_chs: int, side: int) -> str | None:
    found = _unlike(f"out_chs of {place}", block.out_chs, stage.out_chs)
    found = found or _unlike(f"the stride of {place}", block.stride, (stage.stride if position == 0 else 1,))
    families = stage.families_at(position)
    found = found or _unlike(place, block.kind, tuple(f.kind for f in families))
    if found or any(read_block(family, block, in_chs, side) is not None for family in families):
        return found
    return _family(place, block, [family for family in families if family.kind == block.kind])


def _family(place: str, block: Block, families: Iterable[Family]) -> str | None:
    return next((found for family in families if (found := _field(place, block, family.fields))), None)


def _field(place: str, part: Any, choices: Mapping[str, Values]) -> str | None:
    found = (_unlike(f"{name} of {place}", getattr(part, name), values) for name, values in choices.items())
    return next((text for text in found if text), None)


def _unlike(what: str, value: object, allowed: Values) -> str | None:
    if value in allowed:
        return None
    return f"{what} is {value}, where the space has {', '.join(map(str, dict.fromkeys(allowed)))}"
