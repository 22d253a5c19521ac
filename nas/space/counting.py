"""How many different stages a stage's choices allow, exactly."""

from __future__ import annotations

from itertools import combinations
from math import prod

from nas.space.options import Family, StageOptions


def count_stage(stage: StageOptions) -> int:
    """Count the different block sequences of a stage, over its depths and channels.

    A field that is tied multiplies the count once if its family occurs at all, so the count goes over the sets of
    families that occur (inclusion and exclusion gives the sequences that use all of a set).
    """
    return len(stage.out_chs) * sum(_count_depth(stage, depth) for depth in stage.depth)


def _count_depth(stage: StageOptions, depth: int) -> int:
    groups = _groups(stage, depth)
    total = 0
    for size in range(1, len(stage.families) + 1):
        for used in combinations(stage.families, size):
            tied = prod(_choices(f, stage, tied=True) for f in used)
            total += tied * _exactly(used, groups, stage)
    return total


def _groups(stage: StageOptions, depth: int) -> list[tuple[tuple[Family, ...], int]]:
    """Return the independent choices of family: the families open to each, and how many blocks share it."""
    groups: list[tuple[tuple[Family, ...], int]] = []
    shared = 0
    for position in range(depth):
        families = stage.families_at(position)
        if "kind" in stage.tied and len(families) == len(stage.families):
            shared += 1
        else:
            groups.append((families, 1))
    return [*groups, (stage.families, shared)] if shared else groups


def _exactly(used: tuple[Family, ...], groups: list[tuple[tuple[Family, ...], int]], stage: StageOptions) -> int:
    """Count assignments of families to groups that use every family of `used` and no other."""
    total = 0
    for size in range(len(used) + 1):
        for subset in combinations(used, size):
            ways = prod(
                sum(_choices(f, stage, tied=False) ** blocks for f in families if f in subset)
                for families, blocks in groups
            )
            total += (-1) ** (len(used) - size) * ways
    return total


def _choices(family: Family, stage: StageOptions, *, tied: bool) -> int:
    return prod(len(v) for name, v in family.fields.items() if (name in stage.tied) == tied)
