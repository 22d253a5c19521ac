"""A search space as it stands in YAML: the schema, and nothing that needs torch.

What a file may say, beside plain values and lists of choices:

- *ranges*: ``out_chs: {from: 16, to: 64, step: 8}`` or ``{from: 16, to: 64, multiple_of: 8}`` (`nas.space.choices`);
- *multiples*: ``multiple_of: 8`` at the top, or in a stage instead, holds for every width (``out_chs`` of stem and
  stages, ``features`` of heads). A range without step then has every multiple; a width that is none is refused;
- *nested choices*: an entry of ``blocks`` may have ``any_of``, a list of alternatives that inherit the entry's own
  fields; a kind may also stand several times. So which values a field may have can depend on any other field::

      - {kind: mbconv, act: relu, any_of: [{kernel_size: 3, exp_ratio: [4, 6]}, {kernel_size: 5, exp_ratio: [2, 3]}]}

  No block may come of two alternatives. Every alternative is as likely as a kind of its own;
- *positions*: a stage's ``blocks`` may stand anywhere in it, those of ``first`` only open it, those of ``rest`` only
  follow. (A kind that cannot change channels or resolution never opens a stage, wherever it is listed.);
- *ties*: ``tied: [kernel_size]`` in a stage gives one answer for all its blocks of a kind, ``tied: [kind]`` one kind;
  ``tied: [act]`` at the top gives one answer for the whole network, stem and head included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas import schema
from nas.resources import find_yaml, shipped_dir, shipped_names
from nas.schema import Problems
from nas.space.choices import Choices, expand

FOLDER = "search_spaces"

BlockEntries = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class StageDocument:
    """One stage: how deep and wide, and which block families may fill it.

    Attributes:
        depth: numbers of blocks.
        stride: stride of the first block.
        out_chs: numbers of channels.
        blocks: families, each ``{kind: mbconv, kernel_size: [3, 5], ...}``, for every position.
        first: families that may only open the stage.
        rest: families that may only follow.
        tied: fields (or ``kind``) with one choice for the whole stage instead of one per block.
        multiple_of: every width is a multiple of it; None takes the space's.
    """

    depth: Choices
    out_chs: Choices
    blocks: BlockEntries = ()
    first: BlockEntries = ()
    rest: BlockEntries = ()
    stride: int = 1
    tied: tuple[str, ...] = ()
    multiple_of: int | None = None


@dataclass(frozen=True)
class SpaceDocument:
    """A whole search space.

    Attributes:
        name: what it is called.
        description: one line for people.
        resolution: sides of the square input image.
        stem: fields of the stem, each one value or choices.
        stages: the stages, in order.
        heads: kinds of head, each with its fields.
        tied: fields with one choice for the whole network.
        multiple_of: every width is a multiple of it.
        seeds: starting points by name; each sets choices by field (see `nas.space.seeds`).
    """

    name: str
    description: str
    resolution: Choices
    stem: dict[str, Any]
    stages: tuple[StageDocument, ...]
    heads: tuple[dict[str, Any], ...]
    tied: tuple[str, ...] = ()
    multiple_of: int = 1
    seeds: dict[str, dict[str, Any]] = field(default_factory=dict)


def load_document(name_or_path: str) -> tuple[SpaceDocument, Path]:
    """Read a shipped space by name, or a user's by path.

    Raises:
        UserError: listing every problem of the file, each with its path.
    """
    path = find_yaml(name_or_path, FOLDER, "search space")
    return schema.read(SpaceDocument, schema.load_yaml(path), source=str(path)), path


def space_names() -> list[str]:
    """Return the names of the shipped spaces."""
    return shipped_names(FOLDER)


def describe_spaces() -> list[dict[str, Any]]:
    """Return what `nas spaces` lists, without building anything."""
    rows = []
    for name in space_names():
        document = schema.read(
            SpaceDocument, schema.load_yaml(shipped_dir(FOLDER) / f"{name}.yaml"), source=f"{name}.yaml"
        )
        entries = [entry for stage in document.stages for entry in (*stage.blocks, *stage.first, *stage.rest)]
        rows.append(
            {
                "name": document.name,
                "description": document.description,
                "resolutions": list(expand(document.resolution, "$.resolution", Problems())),
                "stages": len(document.stages),
                "blocks": list(dict.fromkeys(kind for entry in entries for kind in _kinds(entry))),
            }
        )
    return rows


def _kinds(entry: dict[str, Any]) -> list[str]:
    """Return the kinds that an entry names, itself or in its alternatives."""
    if "kind" in entry:
        return [str(entry["kind"])]
    return [kind for option in entry.get("any_of", ()) for kind in _kinds(option)]
