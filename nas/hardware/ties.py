"""Ties of a space that has lost choices: what is one answer for many places has to be possible in all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace

from nas.errors import UserError
from nas.space.options import Values
from nas.space.space import SearchSpace

Places = Mapping[Hashable, Mapping[str, Values]]


def keep_ties(original: SearchSpace, left: SearchSpace, removed: list[str]) -> SearchSpace:
    """Leave of every tied field the choices that all places it ties have left.

    Raises:
        UserError: if they have none in common.
    """
    agreed = {key: dict(fields) for key, fields in _places(left).items()}
    for name, keys in _ties(original):
        values = [agreed[key][name] for key in keys if key in agreed]
        common = [value for value in (values[0] if values else ()) if all(value in other for other in values)]
        if values and not common:
            raise UserError(f"{name} is tied in search space {left.name!r}, but no choice of it is left everywhere")
        lost = {str(value): None for other in values for value in other if value not in common}
        removed += [f"{name} {value}: tied, and not every place that it ties has it left" for value in lost]
        for key in keys:
            if key in agreed:
                agreed[key][name] = tuple(common)
    stages = tuple(
        replace(stage, families=tuple(replace(f, fields=agreed[i, f.kind, f.where, f.number]) for f in stage.families))
        for i, stage in enumerate(left.stages)
    )
    heads = {kind: agreed["head", kind] for kind in left.heads}
    return replace(left, stem=agreed["stem"], stages=stages, heads=heads)


def _places(space: SearchSpace) -> Places:
    """Return the fields of every place of a space, by its name in the space and in what is left of it."""
    places: dict[Hashable, Mapping[str, Values]] = {"stem": space.stem}
    for i, stage in enumerate(space.stages):
        places.update({(i, f.kind, f.where, f.number): f.fields for f in stage.families})
    return {**places, **{("head", kind): fields for kind, fields in space.heads.items()}}


def _ties(space: SearchSpace) -> Iterator[tuple[str, list[Hashable]]]:
    """Yield every tied field with the places that it ties."""
    for name in sorted(space.tied):
        yield name, [key for key, fields in _places(space).items() if len(fields.get(name, ())) > 1]
    for i, stage in enumerate(space.stages):
        for name in sorted(stage.tied - {"kind"} - space.tied):
            for kind in dict.fromkeys(f.kind for f in stage.families if name in f.fields):
                yield name, [(i, f.kind, f.where, f.number) for f in stage.families if f.kind == kind]
