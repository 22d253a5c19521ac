"""A search space as it stands in YAML: the schema, and nothing that needs torch.

Every value may be one value or a list of choices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas import schema
from nas.resources import find_yaml, shipped_dir, shipped_names

FOLDER = "search_spaces"

Scalar = int | float | str | bool
Choices = int | float | str | bool | tuple[Scalar, ...]


@dataclass(frozen=True)
class StageDocument:
    """One stage: how deep and wide, and which block families may fill it.

    Attributes:
        depth: numbers of blocks.
        stride: stride of the first block.
        out_chs: numbers of channels.
        blocks: families, each ``{kind: mbconv, kernel_size: [3, 5], ...}``.
        tied: fields (or ``kind``) with one choice for the whole stage instead of one per block.
    """

    depth: int | tuple[int, ...]
    out_chs: int | tuple[int, ...]
    blocks: tuple[dict[str, Choices], ...]
    stride: int = 1
    tied: tuple[str, ...] = ()


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
        seeds: starting points by name; each sets choices by field (see `SearchSpace.seeds`).
    """

    name: str
    description: str
    resolution: int | tuple[int, ...]
    stem: dict[str, Choices]
    stages: tuple[StageDocument, ...]
    heads: tuple[dict[str, Choices], ...]
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
        kinds = dict.fromkeys(str(block.get("kind")) for stage in document.stages for block in stage.blocks)
        rows.append(
            {
                "name": document.name,
                "description": document.description,
                "resolutions": list(as_tuple(document.resolution)),
                "stages": len(document.stages),
                "blocks": list(kinds),
            }
        )
    return rows


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return choices as a tuple, whether one value or several were given."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
