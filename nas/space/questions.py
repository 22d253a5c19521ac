"""What is asked at one position of a stage, under which names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nas import schema
from nas.space.options import Family, StageOptions, Values


@dataclass(frozen=True, slots=True)
class FamilyQuestions:
    """What is asked about a block of one family.

    Attributes:
        family: the family.
        fields: of each open field its name, the question's name and the choices.
    """

    family: Family
    fields: tuple[tuple[str, str, Values], ...]


@dataclass(frozen=True, slots=True)
class PlaceQuestions:
    """What is asked at one position of a stage.

    Attributes:
        kind: name of the question which family stands there.
        kinds: the names of those that may.
        families: the further questions, by those names.
        stride: of a block there that can have one.
    """

    kind: str
    kinds: Values
    families: Mapping[str, FamilyQuestions]
    stride: int


def place_questions(stage: StageOptions, i: int, j: int, field_name: Callable[[Family, str], str]) -> PlaceQuestions:
    """Collect the questions at position `j` of stage `i`.

    Args:
        stage: the stage.
        i: its number.
        j: the position.
        field_name: gives the name of the question what a field of a family is there.
    """
    families = stage.families_at(j)
    return PlaceQuestions(
        kind=f"s{i}.kind" if stage.shares_kind(j) else f"s{i}.b{j}.kind",
        kinds=tuple(f.name for f in families),
        families={
            f.name: FamilyQuestions(f, tuple((n, field_name(f, n), v) for n, v in asked(f.block, f.fields).items()))
            for f in families
        },
        stride=stage.stride if j == 0 else 1,
    )


def asked(cls: type, fields: Mapping[str, Values]) -> dict[str, Values]:
    """Return the fields of a block family, stem or head that are asked for: all but silent ones at their defaults."""
    silent = {name: (value,) for name, value in schema.later_defaults(cls, silent=True).items()}
    return {name: values for name, values in fields.items() if values != silent.get(name)}
