"""A document checked against the block families: every problem noted with its path."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from nas import schema
from nas.blocks import block_types, unknown_kind
from nas.errors import nearest, unknown_name
from nas.schema import Problems
from nas.space.choices import expand
from nas.space.document import SpaceDocument, StageDocument
from nas.space.ends import Head, Stem
from nas.space.options import Family, StageOptions, Values, Where
from nas.space.sequence import is_sequence

# Fields that are numbers of channels, which `multiple_of` speaks of.
_WIDTHS = ("out_chs", "features")


def read_resolutions(document: SpaceDocument, problems: Problems) -> tuple[int, ...]:
    """Check the sides of the input image."""
    return _numbers(document.resolution, "$.resolution", problems, least=8)


def read_stages(document: SpaceDocument, problems: Problems) -> tuple[StageOptions, ...]:
    """Check every stage of a document."""
    stages = document.stages
    if not stages:
        problems.add("$.stages", "at least one stage is needed")
    tokens = is_sequence(document)
    found = (_read_stage(s, document.multiple_of, f"$.stages[{i}]", problems, tokens) for i, s in enumerate(stages))
    return tuple(found)


def read_stem(document: SpaceDocument, problems: Problems) -> Mapping[str, Values]:
    """Check the stem's choices."""
    return read_fields(Stem, document.stem, "$.stem", problems, multiple_of=document.multiple_of)


def read_heads(document: SpaceDocument, problems: Problems) -> Mapping[str, Mapping[str, Values]]:
    """Check the choices of every kind of head, by kind."""
    heads: dict[str, Mapping[str, Values]] = {}
    for i, head in enumerate(document.heads):
        fields = read_fields(Head, head, f"$.heads[{i}]", problems, multiple_of=document.multiple_of)
        kind = str(head.get("kind", "pool"))
        if kind in heads:
            problems.add(f"$.heads[{i}].kind", f"{kind} stands twice; list its choices in one entry")
        heads[kind] = {k: v for k, v in fields.items() if k != "kind"}
    if not heads:
        problems.add("$.heads", "at least one head is needed")
    return heads


def read_fields(
    cls: type, given: Mapping[str, Any], path: str, problems: Problems, *, multiple_of: int = 1
) -> Mapping[str, Values]:
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
            place = f"{path}.{name}"
            raw = expand(given[name], place, problems, multiple_of=multiple_of if name in _WIDTHS else 1)
            choices[name] = tuple(dict.fromkeys(schema.convert(hints[name], v, place, problems) for v in raw))
        elif field.default is not dataclasses.MISSING:
            choices[name] = (field.default,)
        else:
            problems.add(f"{path}.{name}", "required, but missing")
    if len(problems.messages) == before:
        _try_all(cls, choices, path, problems)
    return choices


def _read_stage(
    stage: StageDocument, multiple_of: int, path: str, problems: Problems, tokens: bool = False
) -> StageOptions:
    multiple_of = multiple_of if stage.multiple_of is None else stage.multiple_of
    depth = _numbers(stage.depth, f"{path}.depth", problems)
    out_chs = _numbers(stage.out_chs, f"{path}.out_chs", problems, multiple_of=multiple_of)
    if stage.stride not in (1, 2):
        problems.add(f"{path}.stride", f"must be 1 or 2, got {stage.stride}")
    listed: dict[str, tuple[Where, Sequence[dict[str, Any]]]] = {
        "blocks": ("anywhere", stage.blocks),
        "first": ("first", stage.first),
        "rest": ("rest", stage.rest),
    }
    # The first block has the stage's stride, those behind it 1: what cannot have it is refused now, not when drawn.
    both = (stage.stride, 1) if max(depth, default=1) > 1 else (stage.stride,)
    strides: dict[Where, Values] = {"anywhere": both, "first": (stage.stride,), "rest": (1,)}
    families: list[tuple[str, Family]] = []
    sound = True
    for key, (where, entries) in listed.items():
        # The first block has the stage's stride, those behind it 1: what cannot have it is refused now, not when drawn.
        follows = max(depth, default=1) > 1
        strides = {
            "anywhere": (stage.stride, 1) if follows else (stage.stride,),
            "first": (stage.stride,),
            "rest": (1,),
        }
        for place, entry in _alternatives(entries, f"{path}.{key}", problems):
            family = _read_family(entry, where, out_chs, strides[where], place, problems)
            sound = sound and family is not None
            if family is not None:
                opening = dataclasses.replace(family, opens=tokens)
                families.append((place, _numbered(opening, [f for _, f in families])))
    options = StageOptions(depth, out_chs, stage.stride, tuple(f for _, f in families), frozenset(stage.tied))
    if sound:
        _require_positions(options, stage, path, problems)
    _check_ties(options, families, path, problems)
    return options


def _require_positions(options: StageOptions, stage: StageDocument, path: str, problems: Problems) -> None:
    """Demand a block for every position, and no entry without one."""
    depth = max(options.depth, default=1)
    if not options.families:
        problems.add(f"{path}.blocks", "at least one block kind is needed")
    elif not options.families_at(0):
        problems.add(f"{path}.blocks", "needs a kind that can open a stage (change channels or resolution)")
    elif depth > 1 and not options.families_at(1):
        problems.add(f"{path}.rest", f"no kind may follow the first block, but depth is up to {depth}")
    if stage.rest and depth == 1:
        problems.add(f"{path}.rest", "no block follows the first: depth is 1")
    for family in options.families:
        if family.where == "first" and not (family.block.reshapes or family.opens):
            problems.add(f"{path}.first", f"{family.kind} cannot open a stage: it keeps channels and resolution")


def _alternatives(entries: Sequence[dict[str, Any]], path: str, problems: Problems) -> list[tuple[str, dict[str, Any]]]:
    """Return every entry with its place, those with ``any_of`` as one for each alternative."""
    found: list[tuple[str, dict[str, Any]]] = []
    for i, entry in enumerate(entries):
        place = f"{path}[{i}]"
        if not isinstance(entry, dict):
            problems.add(place, f"expected a mapping, got {schema.describe(entry)}")
            continue
        nested = entry.get("any_of")
        if nested is None:
            found.append((place, entry))
            continue
        if not isinstance(nested, (list, tuple)) or not nested:
            problems.add(f"{place}.any_of", "expected a list of alternatives")
            continue
        shared = {k: v for k, v in entry.items() if k != "any_of"}
        for k, option in enumerate(nested):
            own = f"{place}.any_of[{k}]"
            for name in sorted(set(shared) & set(option)) if isinstance(option, dict) else ():
                problems.add(f"{own}.{name}", "is given outside any_of too")
        merged = [{**shared, **option} if isinstance(option, dict) else option for option in nested]
        found += _alternatives(merged, f"{place}.any_of", problems)
    return found


def _read_family(
    entry: dict[str, Any], where: Where, out_chs: Values, strides: Values, path: str, problems: Problems
) -> Family | None:
    kind = str(entry.get("kind"))
    if kind not in block_types():
        problems.add(f"{path}.kind", str(unknown_kind(kind)))
        return None
    before = len(problems.messages)
    given = {k: v for k, v in entry.items() if k != "kind"}
    for name in ("out_chs", "stride"):
        if given.pop(name, None) is not None:
            problems.add(f"{path}.{name}", "belongs to the stage, not to a block")
    family = block_types()[kind]
    if not out_chs:
        return None  # what is wrong with them is noted already
    shape = {"out_chs": out_chs, **({"stride": strides} if family.reshapes else {})}
    fields = read_fields(family, {**given, **shape}, path, problems)
    if len(problems.messages) > before:
        return None
    return Family(kind, {k: v for k, v in fields.items() if k not in ("out_chs", "stride")}, where)


def _numbered(family: Family, earlier: Sequence[Family]) -> Family:
    """Tell a family from the earlier ones of its kind that may stand where it may."""
    meets = [f for f in earlier if f.kind == family.kind and {f.where, family.where} != {"first", "rest"}]
    return dataclasses.replace(family, number=1 + max((f.number for f in meets), default=0))


def _check_ties(options: StageOptions, families: Sequence[tuple[str, Family]], path: str, problems: Problems) -> None:
    allowed = {"kind", *(name for _, f in families for name in f.fields)}
    for tied in sorted(options.tied):
        if tied not in allowed:
            problems.add(f"{path}.tied", str(unknown_name("field", tied, allowed)))
        known: dict[str, Values] = {}
        for place, family in families:
            values = family.fields.get(tied, ())
            if set(known.setdefault(family.kind, values)) != set(values):
                message = f"{tied} is tied: every {family.kind} of the stage needs the same choices"
                problems.add(f"{place}.{tied}", f"{message} (or tie kind)")


def _numbers(given: Any, path: str, problems: Problems, *, least: int = 1, multiple_of: int = 1) -> tuple[int, ...]:
    """Return whole numbers in ascending order."""
    before = len(problems.messages)
    values = [schema.convert(int, v, path, problems) for v in expand(given, path, problems, multiple_of=multiple_of)]
    numbers = sorted({v for v in values if isinstance(v, int)})
    if len(problems.messages) == before and (not numbers or numbers[0] < least):
        problems.add(path, f"needs at least one value, none below {least}")
    return tuple(numbers)


def _try_all(cls: type, choices: Mapping[str, Values], path: str, problems: Problems) -> None:
    """Build every combination once, so that no sample of the space can be refused later."""
    for combination in itertools.islice(itertools.product(*choices.values()), 10_000):
        try:
            cls(**dict(zip(choices, combination, strict=True)))
        except ValueError as error:
            problems.add(path, str(error))
            return
