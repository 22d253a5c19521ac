"""The open questions of a space, checked against the block families: what each field may be."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas import schema
from nas.blocks import Block, block_types
from nas.errors import nearest, unknown_name
from nas.schema import Problems
from nas.space.document import Choices, SpaceDocument, StageDocument, as_tuple
from nas.space.ends import Head, Stem

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Family:
    """One block family in a stage, with the choices of each of its fields."""

    kind: str
    fields: Mapping[str, Values]

    @property
    def block(self) -> type[Block]:
        """The family's dataclass."""
        return block_types()[self.kind]


@dataclass(frozen=True)
class StageOptions:
    """What one stage may be."""

    depth: tuple[int, ...]
    out_chs: tuple[int, ...]
    stride: int
    families: tuple[Family, ...]
    tied: frozenset[str]

    def families_at(self, position: int) -> tuple[Family, ...]:
        """Return the families that may stand at `position`; only some can open a stage that changes shape."""
        if position > 0:
            return self.families
        return tuple(f for f in self.families if f.block.reshapes)


def read_stages(document: SpaceDocument, problems: Problems) -> tuple[StageOptions, ...]:
    """Check every stage of a document, noting all problems."""
    return tuple(_read_stage(s, f"$.stages[{i}]", problems) for i, s in enumerate(document.stages))


def read_stem(document: SpaceDocument, problems: Problems) -> Mapping[str, Values]:
    """Check the stem's choices."""
    return read_fields(Stem, document.stem, "$.stem", problems)


def read_heads(document: SpaceDocument, problems: Problems) -> Mapping[str, Mapping[str, Values]]:
    """Check the choices of every kind of head, by kind."""
    heads: dict[str, Mapping[str, Values]] = {}
    for i, head in enumerate(document.heads):
        fields = read_fields(Head, head, f"$.heads[{i}]", problems)
        heads[str(head.get("kind", "pool"))] = {k: v for k, v in fields.items() if k != "kind"}
    if not heads:
        problems.add("$.heads", "at least one head is needed")
    return heads


def _read_stage(stage: StageDocument, path: str, problems: Problems) -> StageOptions:
    depth, out_chs = as_tuple(stage.depth), as_tuple(stage.out_chs)
    for name, values in (("depth", depth), ("out_chs", out_chs)):
        if not values or min(values) < 1:
            problems.add(f"{path}.{name}", "needs at least one value, none below 1")
    if stage.stride not in (1, 2):
        problems.add(f"{path}.stride", f"must be 1 or 2, got {stage.stride}")
    # The first block has the stage's stride, those behind it 1: what cannot have it is refused now, not when sampled.
    strides = (stage.stride, 1) if max(depth, default=1) > 1 else (stage.stride,)
    families = [_read_family(b, out_chs, strides, f"{path}.blocks[{i}]", problems) for i, b in enumerate(stage.blocks)]
    known = tuple(f for f in families if f is not None)
    if len({f.kind for f in known}) < len(known):
        problems.add(f"{path}.blocks", "a kind stands twice; list its choices in one entry")
    if known and not any(f.block.reshapes for f in known):
        problems.add(f"{path}.blocks", "needs a kind that can open a stage (change channels or resolution)")
    if not stage.blocks:
        problems.add(f"{path}.blocks", "at least one block kind is needed")
    allowed = {"kind", *(name for f in known for name in f.fields)}
    for name in stage.tied:
        if name not in allowed:
            problems.add(f"{path}.tied", str(unknown_name("field", name, allowed)))
    return StageOptions(
        tuple(sorted(set(depth))), tuple(sorted(set(out_chs))), stage.stride, known, frozenset(stage.tied)
    )


def _read_family(
    block: dict[str, Choices], out_chs: Values, strides: Values, path: str, problems: Problems
) -> Family | None:
    kind = str(block.get("kind"))
    if kind not in block_types():
        problems.add(f"{path}.kind", str(unknown_name("block kind", kind, block_types())))
        return None
    given = {k: v for k, v in block.items() if k != "kind"}
    for name in ("out_chs", "stride"):
        if given.pop(name, None) is not None:
            problems.add(f"{path}.{name}", "belongs to the stage, not to a block")
    family = block_types()[kind]
    before = len(problems.messages)
    shape: dict[str, Choices] = {"out_chs": out_chs, **({"stride": strides} if family.reshapes else {})}
    fields = read_fields(family, {**given, **shape}, path, problems)
    if len(problems.messages) > before:
        return None
    return Family(kind, {k: v for k, v in fields.items() if k not in ("out_chs", "stride")})


def read_fields(cls: type, given: Mapping[str, Choices], path: str, problems: Problems) -> Mapping[str, Values]:
    """Return the choices of every field of the dataclass `cls`; what is not given has its default.

    Notes unknown fields, wrong types, missing fields, and combinations that the class itself refuses.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    before = len(problems.messages)
    for name in given:
        if name not in fields:
            close = nearest(name, fields)
            hint = f"; did you mean {close!r}?" if close else ";"
            problems.add(f"{path}.{name}", f"unknown key{hint} allowed: {', '.join(fields)}")
    choices: dict[str, Values] = {}
    for name, field in fields.items():
        if name in given:
            values = [schema.convert(hints[name], v, f"{path}.{name}", problems) for v in as_tuple(given[name])]
            choices[name] = tuple(dict.fromkeys(values))
            if not values:
                problems.add(f"{path}.{name}", "needs at least one value")
        elif field.default is not dataclasses.MISSING:
            choices[name] = (field.default,)
        else:
            problems.add(f"{path}.{name}", "required, but missing")
    if len(problems.messages) == before:
        _try_all(cls, choices, path, problems)
    return choices


def _try_all(cls: type, choices: Mapping[str, Values], path: str, problems: Problems) -> None:
    """Build every combination once, so that no sample of the space can be refused later."""
    for combination in itertools.islice(itertools.product(*choices.values()), 10_000):
        try:
            cls(**dict(zip(choices, combination, strict=True)))
        except ValueError as error:
            problems.add(path, str(error))
            return
