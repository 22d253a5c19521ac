"""Spaces whose networks work on a sequence of tokens: what their parts must be, so that no sample is refused."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from nas.schema import Problems
from nas.space.document import SpaceDocument
from nas.space.options import Family, StageOptions, Values

_MAX_TRIED = 10_000


def is_sequence(document: SpaceDocument) -> bool:
    """Whether a document's stem gives tokens, so that every stage keeps their number and width."""
    return document.stem.get("kind") == "tokens"


def check_sequence(
    document: SpaceDocument,
    stem: Mapping[str, Values],
    stages: Sequence[StageOptions],
    heads: Mapping[str, Mapping[str, Values]],
    problems: Problems,
) -> None:
    """Note whatever makes some network of a space a sequence in one part and a map in another."""
    if problems.messages:
        return
    tokens = is_sequence(document)
    for i, kind in enumerate(heads):
        if (kind == "token_norm") != tokens:
            wanted = "token_norm" if tokens else "any other kind"
            problems.add(f"$.heads[{i}].kind", f"{kind} does not go with this stem: {wanted} does")
    for i, stage in enumerate(stages if tokens else ()):
        if stage.stride != 1 or stage.out_chs != tuple(sorted(stem["out_chs"])) or len(stage.out_chs) > 1:
            problems.add(f"$.stages[{i}]", "tokens keep number and width: stride 1 and the stem's one out_chs")
        for family in stage.families:
            if not _takes_tokens(family, stage.out_chs[0]):
                wanted = "behind a tokens stem only transformer blocks without window and position stand"
                problems.add(f"$.stages[{i}]", f"{family.kind}: {wanted}")


def _takes_tokens(family: Family, out_chs: int) -> bool:
    names = tuple(family.fields)
    for values in itertools.islice(itertools.product(*family.fields.values()), _MAX_TRIED):
        block = family.block(out_chs=out_chs, **dict(zip(names, values, strict=True)))  # type: ignore[call-arg]
        if not getattr(block, "takes_tokens", False):
            return False
    return True
