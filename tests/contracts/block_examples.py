"""Configurations of a block family, made from its dataclass alone, so that a new family is tested by itself."""

import dataclasses
import random
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from nas.blocks import Block

SIZE = 8
IN_CHS = 16
INTEGERS = (0, 1, 2, 3, 4, 5, 7, 8, 16, 24)
RATIOS = (0.5, 1.0, 2.0, 2.5, 4.0, 6.0)
GROWING = (
    *("out_chs", "kernel_size", "start_kernel_size", "cheap_kernel_size"),
    *("exp_ratio", "mlp_ratio", "bottle_ratio", "num_heads", "head_dim"),
)


def base_fields() -> dict[str, Any]:
    return {"out_chs": IN_CHS}


def pool(family: type[Block], name: str) -> tuple[Any, ...]:
    """Return the values that are tried for one field, by its type."""
    hint = typing.get_type_hints(family)[name]
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return {bool: (False, True), int: INTEGERS, float: RATIOS}[hint]


def field_names(family: type[Block]) -> list[str]:
    return [f.name for f in dataclasses.fields(family)]  # type: ignore[arg-type]


def made(family: type[Block], fields: Mapping[str, Any]) -> Block | None:
    """Return the block, or None where the family refuses the fields."""
    try:
        return family(**fields)
    except ValueError:
        return None


def legal_values(family: type[Block], name: str, fields: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """Return the values of one field that the family takes, the other fields being `fields`."""
    others = base_fields() if fields is None else fields
    return tuple(v for v in pool(family, name) if made(family, {**others, name: v}) is not None)


def examples(family: type[Block], *, draws: int = 6, seed: int = 0) -> list[Block]:
    """Return the default block, one for each legal value of each field, and some random combinations."""
    found = dict.fromkeys(made(family, fields) for fields in _all_fields(family, draws, random.Random(seed)))
    return [block for block in found if block is not None]


def input_chs(block: Block) -> int:
    """Return channels that the block can take: its own where it cannot change them."""
    return IN_CHS if block.reshapes else block.out_chs


def build(block: Block) -> nn.Module:
    return block.build(input_chs(block)).eval()


def _all_fields(family: type[Block], draws: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    yield base_fields()
    choices = {name: legal_values(family, name) for name in field_names(family)}
    for name, values in choices.items():
        for value in values:
            yield {**base_fields(), name: value}
    for _ in range(draws):
        yield {name: rng.choice(values) for name, values in choices.items()}
