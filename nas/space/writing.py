"""A search space back as the document that `nas.space.space` reads: what is made in Python can be kept in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from nas import schema
from nas.errors import UserError
from nas.space.document import SpaceDocument

if TYPE_CHECKING:
    from nas.space.options import StageOptions, Values
    from nas.space.space import SearchSpace

_LISTS = {"anywhere": "blocks", "first": "first", "rest": "rest"}


def space_text(space: SearchSpace) -> str:
    """Return a space as YAML; reading it gives an equal space (for any number of classes).

    Raises:
        UserError: if no document says what the space holds.
    """
    from nas.space.space import space_from_document

    document = _document(space)
    read = space_from_document(schema.read(SpaceDocument, document), source=f"search space {space.name!r}")
    if read.for_classes(space.num_classes) != space:
        raise UserError(f"search space {space.name!r} cannot be written as a document; read it from a file instead")
    head = f"# {space.description}\n# Used by: nas search --space FILE; written by the Python interface.\n"
    return head + "# Numbers: the caller's.\n" + yaml.safe_dump(document, sort_keys=False, default_flow_style=None)


def _document(space: SearchSpace) -> dict[str, Any]:
    return {
        "name": space.name,
        "description": space.description,
        "resolution": list(space.resolutions),
        "stem": _choices(space.stem),
        "stages": [_stage(stage) for stage in space.stages],
        "heads": [{"kind": kind, **_choices(fields)} for kind, fields in space.heads.items()],
        "tied": sorted(space.tied),
        "seeds": {name: dict(given) for name, given in space.seed_documents.items()},
    }


def _stage(stage: StageOptions) -> dict[str, Any]:
    entries: dict[str, list[dict[str, Any]]] = {}
    for family in stage.families:
        entries.setdefault(_LISTS[family.where], []).append({"kind": family.kind, **_choices(family.fields)})
    return {
        "depth": list(stage.depth),
        "out_chs": list(stage.out_chs),
        "stride": stage.stride,
        "tied": sorted(stage.tied),
        **entries,
    }


def _choices(fields: Mapping[str, Values]) -> dict[str, Any]:
    return {name: list(values) for name, values in fields.items()}
