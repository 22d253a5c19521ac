"""The open questions of a space: what each part of a network may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from nas.blocks import Block, block_types

Values = tuple[Any, ...]
Where = Literal["anywhere", "first", "rest"]


@dataclass(frozen=True)
class Family:
    """One block family in a stage, with the choices of each of its fields.

    Attributes:
        kind: the block's kind.
        fields: choices by field.
        where: positions of the stage that it may stand at.
        number: counts the entries of one kind that may stand at the same position; no block comes of two of them.
        opens: whether it may open a stage although it keeps the shape of a map, because the stage does too.
    """

    kind: str
    fields: Mapping[str, Values]
    where: Where = "anywhere"
    number: int = 1
    opens: bool = False

    @property
    def name(self) -> str:
        """What the family is called in the encoding: its kind, numbered from the second entry of the kind on."""
        return self.kind if self.number == 1 else f"{self.kind}-{self.number}"

    @property
    def block(self) -> type[Block]:
        """The family's dataclass."""
        return block_types()[self.kind]

    def stands_at(self, position: int) -> bool:
        """Whether it may stand at `position`; what cannot change the shape of a map opens no stage."""
        if position == 0:
            return self.where != "rest" and (self.block.reshapes or self.opens)
        return self.where != "first"


@dataclass(frozen=True)
class StageOptions:
    """What one stage may be."""

    depth: tuple[int, ...]
    out_chs: tuple[int, ...]
    stride: int
    families: tuple[Family, ...]
    tied: frozenset[str]

    def families_at(self, position: int) -> tuple[Family, ...]:
        """Return the families that may stand at `position`."""
        return self._opening if position == 0 else self._following

    def shares_kind(self, position: int) -> bool:
        """Whether the kind at `position` is the whole stage's answer.

        The first block answers for itself where other families may open the stage than may follow.
        """
        return "kind" in self.tied and (position > 0 or self._opening == self._following)

    @cached_property
    def _opening(self) -> tuple[Family, ...]:
        return tuple(f for f in self.families if f.stands_at(0))

    @cached_property
    def _following(self) -> tuple[Family, ...]:
        return tuple(f for f in self.families if f.stands_at(1))
