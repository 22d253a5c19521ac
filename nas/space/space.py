"""A search space: every architecture that its choices allow, with a flat encoding for optimisers.

One function, `SearchSpace._compose`, asks the questions in order; sampling, decoding, encoding and the extremes only
differ in who answers. Parameter names: ``resolution``, ``stem.act``, ``s2.depth``, ``s2.out_chs``, ``s2.b0.kind``,
``s2.b0.mbconv.exp_ratio``, ``head.kind``; a tied field has no block in its name (``s2.mbconv.exp_ratio``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nas.blocks import Block
from nas.errors import UserError
from nas.schema import Problems
from nas.space.architecture import Architecture
from nas.space.counting import count_stage
from nas.space.document import SpaceDocument, as_tuple, load_document
from nas.space.ends import Head, Stem
from nas.space.options import Family, StageOptions, Values, read_heads, read_stages, read_stem

Pick = Callable[[str, Values], Any]
Params = dict[str, Any]

MAX_TRIES = 200


@dataclass(frozen=True)
class SearchSpace:
    """A set of architectures, described by choices.

    Attributes:
        name: what it is called.
        description: one line for people.
        resolutions: sides of the input image.
        stem: choices of the stem's fields.
        stages: choices of each stage.
        heads: choices of each kind of head.
        num_classes: classes that every architecture of the space tells apart.
        seed_documents: starting points as they stand in the YAML.
    """

    name: str
    description: str
    resolutions: tuple[int, ...]
    stem: Mapping[str, Values]
    stages: tuple[StageOptions, ...]
    heads: Mapping[str, Mapping[str, Values]]
    num_classes: int = 1000
    seed_documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def for_classes(self, num_classes: int) -> SearchSpace:
        """Return the same space for a data set with `num_classes` classes."""
        return replace(self, num_classes=num_classes)

    @cached_property
    def parameters(self) -> Mapping[str, Values]:
        """Every open question with its choices; all are always present, whatever the others' answers."""
        found: dict[str, Values] = {}

        def note(name: str, values: Values) -> Any:
            if len(values) > 1:
                found.setdefault(name, values)
            return values[0]

        note("resolution", self.resolutions)
        for name, values in self.stem.items():
            note(f"stem.{name}", values)
        for i, stage in enumerate(self.stages):
            note(f"s{i}.depth", stage.depth)
            note(f"s{i}.out_chs", stage.out_chs)
            for j in range(max(stage.depth)):
                families = stage.families_at(j)
                note(kind_name(stage, i, j, families), tuple(f.kind for f in families))
                for family in families:
                    for name, values in family.fields.items():
                        note(field_name(stage, i, j, family.kind, name), values)
        note("head.kind", tuple(self.heads))
        for kind, fields in self.heads.items():
            for name, values in fields.items():
                note(f"head.{kind}.{name}", values)
        return found

    def sample(self, rng: random.Random) -> Architecture:
        """Draw one architecture; every question is answered uniformly."""
        return self._compose(lambda _, values: rng.choice(values))

    def decode(self, params: Mapping[str, Any]) -> Architecture:
        """Turn answers to every question into an architecture; those of blocks that do not exist are ignored.

        Raises:
            UserError: if an answer is missing or not among the choices.
        """

        def pick(name: str, values: Values) -> Any:
            if len(values) == 1:
                return values[0]
            if name not in params or params[name] not in values:
                raise UserError(f"space {self.name}: {name} is {params.get(name)!r}; allowed: {values}")
            return values[values.index(params[name])]

        return self._compose(pick)

    def encode(self, architecture: Architecture) -> Params:
        """Turn an architecture into answers to every question; unasked ones get their first choice.

        Raises:
            UserError: if the architecture is not in the space.
        """
        answers: Params = {name: values[0] for name, values in self.parameters.items()}
        answers.update(self._answers(architecture))
        try:
            same = self.decode(answers) == architecture
        except (UserError, ValueError):
            same = False
        if not same:
            raise UserError(f"architecture {architecture.digest} is not in search space {self.name!r}")
        return answers

    def contains(self, architecture: Architecture) -> bool:
        """Whether the space holds the architecture."""
        try:
            self.encode(architecture)
        except UserError:
            return False
        return True

    def size(self) -> int:
        """Count the architectures exactly."""
        total = len(self.resolutions) * product_of(self.stem)
        for stage in self.stages:
            total *= count_stage(stage)
        return total * sum(product_of(fields) for fields in self.heads.values())

    def smallest(self, rng: random.Random | None = None) -> Architecture:
        """Return an architecture with the smallest number in every choice.

        Args:
            rng: draws the choices that are words (block kinds, activations); without it the first is taken.
        """
        return self._compose(lambda _, values: _least(values, rng))

    def largest(self, rng: random.Random | None = None) -> Architecture:
        """Return an architecture with the largest number in every choice.

        Args:
            rng: draws the choices that are words (block kinds, activations); without it the last is taken.
        """
        return self._compose(lambda _, values: _greatest(values, rng))

    def mutate(self, architecture: Architecture, rng: random.Random, rate: float = 0.1) -> Architecture:
        """Return a neighbour: each question that shaped the architecture is answered anew with chance `rate`.

        At least one answer changes; after `MAX_TRIES` draws without a different architecture, a random one is drawn.
        """
        start = self.encode(architecture)
        asked = self._asked(start)
        for _ in range(MAX_TRIES if asked else 0):
            changed = dict(start)
            forced = rng.choice(asked)
            for name in self.parameters:
                if name == forced or rng.random() < rate:
                    changed[name] = rng.choice(self.parameters[name])
            child = self.decode(changed)
            if child != architecture:
                return child
        return self.sample(rng)

    def crossover(self, first: Architecture, second: Architecture, rng: random.Random) -> Architecture:
        """Return a child that takes each part (stem, stage, head) from one of two parents."""
        a, b = self.encode(first), self.encode(second)
        groups = sorted({name.split(".")[0] for name in a})
        from_first = {group: rng.random() < 0.5 for group in groups}
        return self.decode({name: (a if from_first[name.split(".")[0]] else b)[name] for name in a})

    def seeds(self) -> tuple[tuple[str, Architecture], ...]:
        """Return the space's named starting points, in the order of its file.

        A seed gives answers by the last part of the question (``exp_ratio: 6``), by kind and field
        (``mbconv.act: relu6``) or in full (``s2.depth: 2``); the most specific wins. ``largest`` and ``smallest`` pick
        the extreme number, ``middle`` the one between; what a seed does not answer is ``middle``.
        """
        return tuple((name, self._compose(_seed_pick(given))) for name, given in self.seed_documents.items())

    def _asked(self, params: Mapping[str, Any]) -> list[str]:
        """Return the open questions that shape the architecture of `params`."""
        asked: dict[str, None] = {}

        def pick(name: str, values: Values) -> Any:
            if len(values) == 1:
                return values[0]
            asked[name] = None
            return params[name]

        self._compose(pick)
        return list(asked)

    def _compose(self, answer: Pick) -> Architecture:
        answers: Params = {}

        def pick(name: str, values: Values) -> Any:
            if name not in answers:  # a tied question is asked by several blocks and answered once
                answers[name] = answer(name, values)
            return answers[name]

        resolution = pick("resolution", self.resolutions)
        stem = Stem(**{name: pick(f"stem.{name}", values) for name, values in self.stem.items()})
        stages: list[tuple[Block, ...]] = []
        for i, stage in enumerate(self.stages):
            depth, out_chs = pick(f"s{i}.depth", stage.depth), pick(f"s{i}.out_chs", stage.out_chs)
            stages.append(tuple(_compose_block(stage, i, j, out_chs, pick) for j in range(depth)))
        kind = pick("head.kind", tuple(self.heads))
        fields = {name: pick(f"head.{kind}.{name}", values) for name, values in self.heads[kind].items()}
        return Architecture(resolution, self.num_classes, stem, tuple(stages), Head(kind, **fields))

    def _answers(self, architecture: Architecture) -> Params:
        """Read the answers off an architecture, whether or not it is in the space."""
        answers: Params = {"resolution": architecture.resolution}
        answers.update({f"stem.{name}": getattr(architecture.stem, name) for name in self.stem})
        for i, (stage, blocks) in enumerate(zip(self.stages, architecture.stages, strict=False)):
            answers[f"s{i}.depth"] = len(blocks)
            answers[f"s{i}.out_chs"] = blocks[0].out_chs if blocks else 0
            for j, block in enumerate(blocks):
                families = stage.families_at(j)
                answers[kind_name(stage, i, j, families)] = block.kind
                for family in families:
                    if family.kind == block.kind:
                        for name in family.fields:
                            answers[field_name(stage, i, j, block.kind, name)] = getattr(block, name)
        head = architecture.head
        answers["head.kind"] = head.kind
        answers.update({f"head.{head.kind}.{name}": getattr(head, name) for name in self.heads.get(head.kind, {})})
        return {name: value for name, value in answers.items() if name in self.parameters}


def load_space(name_or_path: str) -> SearchSpace:
    """Read a search space by its shipped name or from a file.

    Raises:
        UserError: listing every problem of the file, each with its path.
    """
    document, path = load_document(name_or_path)
    return space_from_document(document, source=str(path))


def space_from_document(document: SpaceDocument, *, source: str = "search space") -> SearchSpace:
    """Check a document against the block families.

    Raises:
        UserError: listing every problem, each with its path.
    """
    problems = Problems()
    resolutions = tuple(sorted(set(as_tuple(document.resolution))))
    if not resolutions or min(resolutions) < 8:
        problems.add("$.resolution", "needs at least one value, none below 8")
    space = SearchSpace(
        name=document.name,
        description=document.description,
        resolutions=resolutions,
        stem=read_stem(document, problems),
        stages=read_stages(document, problems),
        heads=read_heads(document, problems),
        seed_documents=document.seeds,
    )
    problems.raise_if_any(source)
    for name, given in document.seeds.items():
        _check_seed(space, name, given, problems)
    problems.raise_if_any(source)
    return space


def kind_name(stage: StageOptions, i: int, j: int, families: Sequence[Family]) -> str:
    """Return the name of the question which family stands at block `j` of stage `i`."""
    # The first block has its own question where fewer families can open the stage.
    shared = "kind" in stage.tied and len(families) == len(stage.families)
    return f"s{i}.kind" if shared else f"s{i}.b{j}.kind"


def field_name(stage: StageOptions, i: int, j: int, kind: str, name: str) -> str:
    """Return the name of the question what a field of block `j` of stage `i` is."""
    return f"s{i}.{kind}.{name}" if name in stage.tied else f"s{i}.b{j}.{kind}.{name}"


def product_of(fields: Mapping[str, Values]) -> int:
    """Count the combinations of independent choices."""
    total = 1
    for values in fields.values():
        total *= len(values)
    return total


def _compose_block(stage: StageOptions, i: int, j: int, out_chs: int, pick: Pick) -> Block:
    families = stage.families_at(j)
    kind = pick(kind_name(stage, i, j, families), tuple(f.kind for f in families))
    family = next(f for f in families if f.kind == kind)
    fields = {name: pick(field_name(stage, i, j, kind, name), v) for name, v in family.fields.items()}
    if family.block.reshapes:
        fields["stride"] = stage.stride if j == 0 else 1
    return family.block(out_chs=out_chs, **fields)  # type: ignore[call-arg]


def _is_number(values: Values) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _least(values: Values, rng: random.Random | None = None) -> Any:
    if _is_number(values):
        return min(values)
    return rng.choice(values) if rng else values[0]


def _greatest(values: Values, rng: random.Random | None = None) -> Any:
    if _is_number(values):
        return max(values)
    return rng.choice(values) if rng else values[-1]


def _middle(values: Values) -> Any:
    return sorted(values)[len(values) // 2] if _is_number(values) else values[0]


_EXTREMES: Mapping[str, Callable[[Values], Any]] = {
    "smallest": _least,
    "middle": _middle,
    "largest": _greatest,
}


def _seed_pick(given: Mapping[str, Any]) -> Pick:
    def pick(name: str, values: Values) -> Any:
        parts = name.split(".")
        keys = [name, ".".join(parts[-2:]), parts[-1]]
        answer = next((given[key] for key in keys if key in given), given.get("all", "middle"))
        for option in as_tuple(answer):
            if option in values:
                return values[values.index(option)]
            if option in _EXTREMES:
                return _EXTREMES[option](values)
        return values[0]

    return pick


def _check_seed(space: SearchSpace, name: str, given: Mapping[str, Any], problems: Problems) -> None:
    questions = {key for q in space.parameters for key in (q, ".".join(q.split(".")[-2:]), q.split(".")[-1])}
    for key in given:
        if key not in questions | {"all"}:
            problems.add(f"$.seeds.{name}.{key}", "answers no open question of this space")
