"""One point of a search space: a frozen, canonical description of a network.

Equal networks are equal architectures: there are no values for blocks that do not exist, fields that do not matter
keep their defaults, and of the descriptions of one block an architecture holds the canonical one, whichever it was
given (`nas.space.canonical`). The digest names an architecture everywhere (files, caches, the study).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from nas import schema
from nas.blocks import Block, block_types, unknown_kind
from nas.errors import UserError
from nas.schema import Problems
from nas.space.canonical import canonical
from nas.space.ends import Head, Stem

MAX_RESOLUTION = 2048


@dataclass(frozen=True)
class Architecture:
    """A network, described: resolution and classes, stem, stages of blocks, head."""

    resolution: int
    num_classes: int
    stem: Stem
    stages: tuple[tuple[Block, ...], ...]
    head: Head

    def __post_init__(self) -> None:
        if not 1 <= self.resolution <= MAX_RESOLUTION:
            raise ValueError(f"resolution must be 1 to {MAX_RESOLUTION}, got {self.resolution}")
        if self.num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {self.num_classes}")
        self._require_channels_fit()
        self._require_tokens_fit()
        self._make_canonical()

    def blocks(self) -> Iterator[tuple[str, int, Block]]:
        """Yield each block with its place (``"blocks.2.0"``) and the channels it takes."""
        in_chs = self.stem.out_chs
        for i, stage in enumerate(self.stages):
            for j, block in enumerate(stage):
                yield f"blocks.{i}.{j}", in_chs, block
                in_chs = block.out_chs

    def _require_channels_fit(self) -> None:
        """Refuse a change of shape by a block that keeps it."""
        in_chs = self.stem.out_chs
        for i, stage in enumerate(self.stages):
            for j, block in enumerate(stage):
                out_chs = block.out_chs
                if not block.reshapes and (block.stride != 1 or in_chs != out_chs):
                    raise ValueError(
                        f"blocks.{i}.{j}: a {block.kind} block cannot change {in_chs} to {out_chs} channels"
                    )
                in_chs = out_chs

    def _require_tokens_fit(self) -> None:
        """Refuse a sequence of tokens where a map is wanted, and the other way round."""
        tokens = self.stem.kind == "tokens"
        if tokens != (self.head.kind == "token_norm"):
            raise ValueError(
                f"a {self.stem.kind} stem does not go with a {self.head.kind} head: tokens take token_norm"
            )
        if not tokens:
            return
        for path in (path for path, _, block in self.blocks() if not getattr(block, "takes_tokens", False)):
            raise ValueError(f"{path}: behind a tokens stem only transformer blocks without window and position stand")

    def inputs(self) -> Iterator[tuple[int, int]]:
        """Yield the channels and the height of the map that each block takes."""
        chs, side, _ = self.stem.output_shape(self.resolution)
        for stage in self.stages:
            for block in stage:
                yield chs, side
                chs, side = block.out_chs, (side - 1) // block.stride + 1

    def _make_canonical(self) -> None:
        inputs = self.inputs()
        stages = tuple(tuple(canonical(block, *next(inputs)) for block in stage) for stage in self.stages)
        if stages != self.stages:
            object.__setattr__(self, "stages", stages)  # still under construction

    @property
    def features(self) -> int:
        """Channels that the head takes."""
        return next((s[-1].out_chs for s in reversed(self.stages) if s), self.stem.out_chs)

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name this network."""
        # Put together from the remembered text of each part: a search names hundreds of thousands of networks.
        stages = ",".join(f"[{','.join(_text(block) for block in stage)}]" for stage in self.stages)
        text = (
            f'{{"head":{_text(self.head)},"num_classes":{json.dumps(self.num_classes)},'
            f'"resolution":{json.dumps(self.resolution)},"stages":[{stages}],"stem":{_text(self.stem)}}}'
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; `from_dict` is the inverse."""
        return {
            "resolution": self.resolution,
            "num_classes": self.num_classes,
            "stem": schema.to_dict(self.stem),
            "stages": [[_block_dict(block) for block in stage] for stage in self.stages],
            "head": schema.to_dict(self.head),
        }

    @classmethod
    def from_timm(cls, name: str, *, resolution: int | None = None, num_classes: int | None = None) -> Architecture:
        """Return the architecture whose network is a timm model's.

        Args:
            name: timm's name of the model.
            resolution: side of the input image; None takes the model's own.
            num_classes: None takes the model's own.

        Raises:
            UserError: if timm has no such model, or it cannot be written as an architecture, with the reason.
        """
        from nas.model.from_timm import architecture_from_timm  # looks upwards, for the sake of the caller

        return architecture_from_timm(name, resolution=resolution, num_classes=num_classes)

    @classmethod
    def from_dict(cls, data: object, *, source: str = "architecture") -> Architecture:
        """Read plain data.

        Raises:
            UserError: listing every problem with its path.
        """
        problems = Problems()
        document = schema.convert(_Document, data, "$", problems)
        nested = data.get("stages") if isinstance(data, dict) else None
        stages = _read_stages(nested, problems) if isinstance(nested, list) else ()
        problems.raise_if_any(source)
        assert isinstance(document, _Document)
        try:
            return cls(document.resolution, document.num_classes, document.stem, stages, document.head)
        except ValueError as error:
            raise UserError(f"{source}: {error}") from None

    def to_json(self) -> str:
        """Return readable JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_yaml(self) -> str:
        """Return readable YAML."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, default_flow_style=None)

    @classmethod
    def from_json(cls, text: str, *, source: str = "architecture") -> Architecture:
        """Read JSON text.

        Raises:
            UserError: if the text is not JSON, or no architecture.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{source}: not valid JSON ({error})") from None
        return cls.from_dict(data, source=source)


def load_architecture(path: Path) -> Architecture:
    """Read an architecture from a JSON or YAML file.

    Raises:
        UserError: if the file cannot be read or holds no architecture.
    """
    return Architecture.from_dict(schema.load_yaml(path), source=str(path))


@dataclass(frozen=True)
class _Document:
    resolution: int
    num_classes: int
    stem: Stem
    stages: tuple[tuple[dict[str, Any], ...], ...]
    head: Head


def _read_stages(nested: list[Any], problems: Problems) -> tuple[tuple[Block, ...], ...]:
    stages: list[tuple[Block, ...]] = []
    for i, stage in enumerate(nested):
        dicts = [(j, d) for j, d in enumerate(stage) if isinstance(d, dict)] if isinstance(stage, list) else []
        read = (_read_block(data, f"$.stages[{i}][{j}]", problems) for j, data in dicts)
        stages.append(tuple(block for block in read if block is not None))
    return tuple(stages)


def _read_block(data: dict[str, Any], path: str, problems: Problems) -> Block | None:
    kind = str(data.get("kind"))
    families = block_types()
    if kind not in families:
        problems.add(path, str(unknown_kind(kind)))
        return None
    values = {key: value for key, value in data.items() if key != "kind"}
    block = schema.convert(families[kind], values, path, problems)
    return block if isinstance(block, families[kind]) else None


def _block_dict(block: Block) -> dict[str, Any]:
    return {"kind": block.kind, **schema.to_dict(block)}


def _text(part: Stem | Block | Head) -> str:
    return _canonical_json(part)  # type: ignore[arg-type]  # every block is a frozen dataclass


@functools.lru_cache(maxsize=65536)
def _canonical_json(part: Stem | Block | Head) -> str:
    data = schema.to_dict(part) if isinstance(part, (Stem, Head)) else _block_dict(part)
    return json.dumps(_plain_numbers(data), sort_keys=True, separators=(",", ":"))


def _plain_numbers(data: object) -> object:
    """Write 6.0 as 6, so that an integer given where a ratio is meant names the same network."""
    if isinstance(data, dict):
        return {k: _plain_numbers(v) for k, v in data.items()}
    if isinstance(data, list):
        return [_plain_numbers(v) for v in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data
