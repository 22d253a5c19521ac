"""What a space must not hold: choices that it could not tell apart, and ties between different choices.

Without them every set of answers that is asked for is a network of its own, and so the space is counted exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, product
from typing import Any

from nas.errors import unknown_name
from nas.schema import Problems
from nas.space.canonical import canonical, ratio_fields
from nas.space.ends import Stem
from nas.space.options import Family, StageOptions, Values

# Fields that take part in no number of channels: one of their values stands for all.
_ONE_STANDS_FOR_ALL = ("act", "kernel_size")


def check_distinct(
    resolutions: Sequence[int], stem: Mapping[str, Values], stages: Sequence[StageOptions], problems: Problems
) -> None:
    """Note choices of blocks that make the same network in some place (`nas.space.canonical`)."""
    sides = sorted({shape[1] for shape in _stem_shapes(resolutions, stem)})
    in_chs: Sequence[int] = stem["out_chs"]
    for i, stage in enumerate(stages):
        after = sorted({(side - 1) // stage.stride + 1 for side in sides})
        opening = [(a, b, side) for a in in_chs for b in stage.out_chs for side in sides]
        following = [(chs, chs, side) for chs in stage.out_chs for side in after]
        for position, places in ((0, opening), (1, following if max(stage.depth) > 1 else [])):
            stride = stage.stride if position == 0 else 1
            for first, second in combinations_with_replacement(stage.families_at(position), 2):
                clash = first.kind == second.kind and _clash(first, second, stride, places)
                if clash:
                    problems.add(f"$.stages[{i}]", f"{'opening with' if position == 0 else 'after the first,'} {clash}")
        in_chs, sides = stage.out_chs, after


def check_space_ties(tied: Sequence[str], places: Sequence[Mapping[str, Values]], problems: Problems) -> None:
    """Note fields tied over the whole space that do not exist, or are open with different choices."""
    allowed = {name for fields in places for name in fields} - {"out_chs", "features"}
    for name in tied:
        if name not in allowed:
            problems.add("$.tied", str(unknown_name("field", name, allowed)))
            continue
        choices = {frozenset(fields[name]): fields[name] for fields in places if len(fields.get(name, ())) > 1}
        if len(choices) > 1:
            texts = " or ".join("[" + ", ".join(map(str, values)) + "]" for values in choices.values())
            problems.add("$.tied", f"{name} needs the same choices wherever it has several, but has {texts}")


def _stem_shapes(resolutions: Sequence[int], stem: Mapping[str, Values]) -> Iterator[tuple[int, int, int]]:
    for values in product(*stem.values()):
        made = Stem(**dict(zip(stem, values, strict=True)))
        yield from (made.output_shape(resolution) for resolution in resolutions)


def _clash(first: Family, second: Family, stride: int, places: Sequence[tuple[int, int, int]]) -> str | None:
    """Say which choices of two families of a kind (or of one) make the same block somewhere."""
    rounded = [name for name in first.fields if name in (*ratio_fields(first.block), "window_size")]
    common: dict[str, Values] = {}
    for name, values in first.fields.items():
        if name not in rounded:
            both = tuple(v for v in values if v in second.fields[name])
            common[name] = both[:1] if name in _ONE_STANDS_FOR_ALL else both
    families = (first,) if first is second else (first, second)
    if first is second and all(len(first.fields[name]) == 1 for name in rounded):
        return None
    open_ones = [name for name in rounded if len({*first.fields[name], *second.fields[name]}) > 1]
    kept = places if "window_size" in rounded else sorted({(i, o, 0) for i, o, _ in places})
    shape: dict[str, Any] = {"stride": stride} if first.block.reshapes else {}
    for fixed in product(*common.values()):
        for in_chs, out_chs, side in kept:
            own = {**dict(zip(common, fixed, strict=True)), **shape, "out_chs": out_chs}
            seen: dict[object, str] = {}
            for family in families:
                for values in product(*(family.fields[name] for name in rounded)):
                    given = dict(zip(rounded, values, strict=True))
                    block = canonical(family.block(**own, **given), in_chs, side)
                    text = f"{family.name} " + ", ".join(f"{name} {given[name]:g}" for name in open_ones)
                    if block in seen:
                        where = f"{in_chs} channels in, {out_chs} out" + (f", a map of {side}x{side}" if side else "")
                        return f"{seen[block].strip()} and {text.strip()} make the same network ({where})"
                    seen[block] = text
    return None
