"""How many different networks a space holds, exactly.

Choices that cannot be told apart are refused when a space is read (`nas.space.distinct`), so the questions that a
network asks have as many answers as there are networks. What is left is that not every network asks all: a tied field
multiplies the count once if anything that has it occurs at all. So the counts go over the sets of what occurs, and
inclusion and exclusion gives the networks in which all of a set occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import prod

from nas.space.options import Family, StageOptions, Values

Fields = Mapping[str, Values]
Names = frozenset[str]


def count_space(
    resolutions: Sequence[int],
    stem: Fields,
    stages: Sequence[StageOptions],
    heads: Mapping[str, Fields],
    tied: Names,
) -> int:
    """Count the networks of a space; `tied` are the fields with one answer for the whole network."""
    places = [stem, *heads.values(), *(family.fields for stage in stages for family in stage.families)]
    choices = {n: max((len(fields[n]) for fields in places if n in fields), default=1) for n in sorted(tied)}
    shared = frozenset(name for name, count in choices.items() if count > 1)

    def without(absent: Names) -> int:
        """Count the networks that do not ask for the fields of `absent`, with one answer to each of the others."""
        total = len(resolutions) * _combinations(stem, shared, absent)
        for stage in stages:
            total *= count_stage(stage, shared, absent)
        return total * sum(_combinations(fields, shared, absent) for fields in heads.values())

    return sum(
        prod(choices[name] for name in used) * _using_all(used, lambda some: without(shared - some))
        for used in _subsets(shared)
    )


def count_stage(stage: StageOptions, shared: Names = frozenset(), absent: Names = frozenset()) -> int:
    """Count the different block sequences of a stage, over its depths and channels.

    Args:
        stage: the stage.
        shared: fields that are answered outside the stage.
        absent: of these the ones that no block may ask for.
    """
    return len(stage.out_chs) * sum(_count_depth(stage, depth, shared, absent) for depth in stage.depth)


def _count_depth(stage: StageOptions, depth: int, shared: Names, absent: Names) -> int:
    groups = _groups(stage, depth)
    tied: dict[str, int] = {}
    for family in stage.families:
        own = {n: v for n, v in family.fields.items() if n in stage.tied and n not in shared}
        tied[family.kind] = prod(len(v) for v in own.values())
    free = {
        family.name + family.where: _combinations(
            {n: v for n, v in family.fields.items() if n not in stage.tied or n in shared}, shared, absent
        )
        for family in stage.families
    }

    def sequences(kinds: Names) -> int:
        """Count the sequences of blocks of `kinds`, with one answer to each tied field."""
        return prod(
            sum(free[f.name + f.where] ** blocks for f in families if f.kind in kinds) for families, blocks in groups
        )

    return sum(prod(tied[kind] for kind in used) * _using_all(used, sequences) for used in _subsets(frozenset(tied)))


def _groups(stage: StageOptions, depth: int) -> list[tuple[tuple[Family, ...], int]]:
    """Return the independent choices of family: the families open to each, and how many blocks share it."""
    alone = [(stage.families_at(j), 1) for j in range(depth) if not stage.shares_kind(j)]
    together = depth - len(alone)
    return [*alone, (stage.families_at(depth - 1), together)] if together else alone


def _combinations(fields: Fields, shared: Names, absent: Names) -> int:
    """Count the answers to the questions that are not shared; none if one that should be absent is open."""
    if any(name in absent and len(values) > 1 for name, values in fields.items()):
        return 0
    return prod(len(values) for name, values in fields.items() if name not in shared)


def _using_all(used: Names, at_most: Callable[[Names], int]) -> int:
    """Count what uses every member of `used`, given the counts of what uses at most some of them."""
    return sum((-1) ** (len(used) - len(some)) * at_most(some) for some in _subsets(used))


def _subsets(names: Names) -> Iterator[Names]:
    for size in range(len(names) + 1):
        yield from map(frozenset, combinations(sorted(names), size))
