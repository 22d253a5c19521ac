"""A search space: every architecture that its choices allow, with a flat encoding for optimisers.

One function, `SearchSpace._compose`, asks the questions in order; sampling, decoding, encoding and the extremes only
differ in who answers. Parameter names: ``resolution``, ``stem.act``, ``s2.depth``, ``s2.out_chs``, ``s2.b0.kind``,
``s2.b0.mbconv.exp_ratio``, ``head.kind``; a tied field has no block in its name (``s2.mbconv.exp_ratio``), one tied
over the whole space has only its own (``act``). A second entry of a kind is numbered (``s2.b0.kind`` is ``mbconv-2``).
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas import schema
from nas.blocks import Block
from nas.errors import UserError
from nas.schema import Problems
from nas.space.architecture import Architecture
from nas.space.canonical import canonical
from nas.space.counting import count_space
from nas.space.distinct import check_distinct, check_space_ties
from nas.space.document import SpaceDocument, load_document
from nas.space.ends import Head, Stem
from nas.space.options import Family, StageOptions, Values
from nas.space.questions import PlaceQuestions, asked, place_questions
from nas.space.reading import read_heads, read_resolutions, read_stages, read_stem
from nas.space.seeds import Pick, check_seeds, greatest, least, seed_pick
from nas.space.sequence import check_sequence

if TYPE_CHECKING:
    from nas.hardware.profile import HardwareProfile
    from nas.hardware.space import Restriction

Params = dict[str, Any]


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
        tied: fields with one answer for the whole network.
        num_classes: classes that every architecture of the space tells apart.
        seed_documents: starting points as they stand in the YAML.
    """

    name: str
    description: str
    resolutions: tuple[int, ...]
    stem: Mapping[str, Values]
    stages: tuple[StageOptions, ...]
    heads: Mapping[str, Mapping[str, Values]]
    tied: frozenset[str] = frozenset()
    num_classes: int = 1000
    seed_documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, name_or_path: str) -> SearchSpace:
        """Read a space by its shipped name or from a YAML file; see `load_space`."""
        return load_space(name_or_path)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> SearchSpace:
        """Read a space from a mapping, what the YAML file of a space holds.

        Raises:
            UserError: listing every problem, each with its path.
        """
        return space_from_document(schema.read(SpaceDocument, dict(document), source="search space"))

    def for_classes(self, num_classes: int) -> SearchSpace:
        """Return the same space for a data set with `num_classes` classes."""
        return replace(self, num_classes=num_classes)

    def restricted_to(self, profile: HardwareProfile) -> Restriction:
        """Return what of the space a target can run, with what was removed and why.

        Raises:
            UserError: if nothing is left of the stem, a stage or the head.
        """
        from nas.hardware.space import restrict  # looks upwards, for the sake of the caller

        return restrict(self, profile)

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
            note(self._end_name("stem", name, values), values)
        for i, stage in enumerate(self.stages):
            note(f"s{i}.depth", stage.depth)
            note(f"s{i}.out_chs", stage.out_chs)
            for place in self._places[i]:
                note(place.kind, place.kinds)
                for family in place.families.values():
                    for _, question, values in family.fields:
                        note(question, values)
        note("head.kind", tuple(self.heads))
        for kind, fields in self.heads.items():
            for name, values in fields.items():
                note(self._end_name(f"head.{kind}", name, values), values)
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
            try:
                return values[values.index(params[name])]
            except (KeyError, ValueError):
                message = f"space {self.name}: {name} is {params.get(name)!r}; allowed: {values}"
            raise UserError(message)

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
        """Count the different networks exactly."""
        return count_space(self.resolutions, self.stem, self.stages, self.heads, self.tied)

    def smallest(self, rng: random.Random | None = None) -> Architecture:
        """Return an architecture with the smallest number in every choice.

        Args:
            rng: draws the choices that are words (block kinds, activations); without it the first is taken.
        """
        return self._compose(lambda _, values: least(values, rng))

    def largest(self, rng: random.Random | None = None) -> Architecture:
        """Return an architecture with the largest number in every choice.

        Args:
            rng: draws the choices that are words (block kinds, activations); without it the last is taken.
        """
        return self._compose(lambda _, values: greatest(values, rng))

    def crossover(self, first: Architecture, second: Architecture, rng: random.Random) -> Architecture:
        """Return a child that takes each part (stem, stage, head) from one of two parents."""
        a, b = self.encode(first), self.encode(second)
        groups = sorted({name.split(".")[0] for name in a})
        from_first = {group: rng.random() < 0.5 for group in groups}
        return self.decode({name: (a if from_first[name.split(".")[0]] else b)[name] for name in a})

    def seeds(self) -> tuple[tuple[str, Architecture], ...]:
        """Return the space's named starting points, in the order of its file.

        What a seed may say stands in `nas.space.seeds`.
        """
        return tuple((name, self._compose(seed_pick(given))) for name, given in self.seed_documents.items())

    def _compose(self, answer: Pick) -> Architecture:
        answers: Params = {}

        def pick(name: str, values: Values) -> Any:
            if name not in answers:  # a tied question is asked by several blocks and answered once
                answers[name] = answer(name, values)
            return answers[name]

        resolution = pick("resolution", self.resolutions)
        stem = _made(Stem, **{name: pick(question, v) for name, question, v in self._ends["stem"]})
        stages: list[tuple[Block, ...]] = []
        for i, stage in enumerate(self.stages):
            depth, out_chs = pick(f"s{i}.depth", stage.depth), pick(f"s{i}.out_chs", stage.out_chs)
            stages.append(tuple(self._compose_block(place, out_chs, pick) for place in self._places[i][:depth]))
        kind = pick("head.kind", tuple(self.heads))
        own = {name: pick(question, v) for name, question, v in self._ends[f"head.{kind}"]}
        return Architecture(resolution, self.num_classes, stem, tuple(stages), _made(Head, kind=kind, **own))

    @cached_property
    def _ends(self) -> Mapping[str, tuple[tuple[str, str, Values], ...]]:
        """What is asked about the stem (``stem``) and each kind of head (``head.pool``): field, question, choices."""
        ends = {"stem": asked(Stem, self.stem), **{f"head.{k}": asked(Head, f) for k, f in self.heads.items()}}
        return {end: tuple((n, self._end_name(end, n, v), v) for n, v in ends[end].items()) for end in ends}

    @cached_property
    def _places(self) -> tuple[tuple[PlaceQuestions, ...], ...]:
        """What is asked at each position of each stage: names are made once, for composing is a search's inner loop."""
        return tuple(
            tuple(
                place_questions(stage, i, j, functools.partial(self._field_name, i, j)) for j in range(max(stage.depth))
            )
            for i, stage in enumerate(self.stages)
        )

    def _compose_block(self, place: PlaceQuestions, out_chs: int, pick: Pick) -> Block:
        questions = place.families[pick(place.kind, place.kinds)]
        block = questions.family.block
        fields = {name: pick(question, values) for name, question, values in questions.fields}
        if block.reshapes:
            fields["stride"] = place.stride
        made: Block = _made(block, out_chs=out_chs, **fields)
        return made

    def _answers(self, architecture: Architecture) -> Params:
        """Read the answers off an architecture, whether or not it is in the space."""
        answers: Params = {"resolution": architecture.resolution}
        for name, values in self.stem.items():
            answers[self._end_name("stem", name, values)] = getattr(architecture.stem, name)
        inputs = architecture.inputs()
        for i, (_, blocks) in enumerate(zip(self.stages, architecture.stages, strict=False)):
            answers[f"s{i}.depth"] = len(blocks)
            answers[f"s{i}.out_chs"] = blocks[0].out_chs if blocks else 0
            for place, block in zip(self._places[i], blocks, strict=False):
                in_chs, side = next(inputs)
                for called, questions in place.families.items():
                    choices = read_block(questions.family, block, in_chs, side)
                    if choices is not None:
                        answers[place.kind] = called
                        answers.update({question: choices[name] for name, question, _ in questions.fields})
                        break
        head = architecture.head
        answers["head.kind"] = head.kind
        for name, values in self.heads.get(head.kind, {}).items():
            answers[self._end_name(f"head.{head.kind}", name, values)] = getattr(head, name)
        return {name: value for name, value in answers.items() if name in self.parameters}

    def _end_name(self, end: str, name: str, values: Values) -> str:
        """Return the name of the question what a field of the stem or a head is."""
        return name if name in self.tied and len(values) > 1 else f"{end}.{name}"

    def _field_name(self, i: int, j: int, family: Family, name: str) -> str:
        """Return the name of the question what a field of block `j` of stage `i` is."""
        if name in self.tied and len(family.fields[name]) > 1:
            return name
        return f"s{i}.{family.kind}.{name}" if name in self.stages[i].tied else f"s{i}.b{j}.{family.name}.{name}"


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
    space = SearchSpace(
        name=document.name,
        description=document.description,
        resolutions=read_resolutions(document, problems),
        stem=read_stem(document, problems),
        stages=read_stages(document, problems),
        heads=read_heads(document, problems),
        tied=frozenset(document.tied),
        seed_documents=document.seeds,
    )
    check_sequence(document, space.stem, space.stages, space.heads, problems)
    problems.raise_if_any(source)
    places = [space.stem, *(f.fields for stage in space.stages for f in stage.families), *space.heads.values()]
    check_space_ties(document.tied, places, problems)
    check_distinct(space.resolutions, space.stem, space.stages, problems)
    check_seeds(document.seeds, space.parameters, problems)
    problems.raise_if_any(source)
    return space


@functools.lru_cache(maxsize=65536, typed=True)
def _made(family: type[Any], **fields: Any) -> Any:
    """Make a block, stem or head; equal ones are one object, since a study holds thousands of architectures."""
    return family(**fields)


def read_block(family: Family, block: Block, in_chs: int, side: int) -> Params | None:
    """Return the choices of a family that make a block; None if none do."""
    if family.kind != block.kind:
        return None
    found: Params = {}
    for name, values in family.fields.items():
        value = getattr(block, name)
        if value not in values:  # the block is canonical, the choice need not be
            made = {v: canonical(replace(block, **{name: v}), in_chs, side) for v in values}  # type: ignore[type-var]
            value = next((v for v in values if made[v] == block), None)
            if value is None:
                return None
        found[name] = value
    return found
