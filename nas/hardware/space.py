"""A search space without what a target cannot run.

Nothing is listed by hand: every choice is built and traced, and a choice whose trace has an operator that the target
does not run is removed, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nas.cost.cost import Classifier, Part, trace_part
from nas.errors import UserError
from nas.hardware.profile import HardwareProfile
from nas.hardware.restrict import unsupported_ops
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
from nas.space.options import Family, StageOptions, Values
from nas.space.space import SearchSpace

_SIZE = 8  # height and width of the maps that choices are tried on; operators do not depend on it

Try = Callable[[Mapping[str, Any]], set[str]]


@dataclass(frozen=True)
class Restriction:
    """A space as a target can run it.

    Attributes:
        space: what is left.
        removed: what is not, and why, one line each.
    """

    space: SearchSpace
    removed: tuple[str, ...]

    def seeds(self, original: SearchSpace) -> tuple[tuple[str, Architecture], ...]:
        """Return the original space's starting points; those that had to change are called ``<name>-adapted``."""
        before = dict(original.seeds())
        found: dict[str, tuple[str, Architecture]] = {}
        for name, architecture in self.space.seeds():
            called = name if before[name] == architecture else f"{name}-adapted"
            found.setdefault(architecture.digest, (called, architecture))
        return tuple(found.values())


def restrict(space: SearchSpace, profile: HardwareProfile) -> Restriction:
    """Remove from `space` every choice that the target cannot run.

    Raises:
        UserError: if nothing is left of the stem, a stage or the head, with what was removed and why.
    """
    removed: list[str] = []
    stem = _restrict_fields("stem", space.stem, lambda f: _unsupported(profile, Stem(**f), 3), removed)
    _require(stem, "stem", space, profile, removed)
    assert stem is not None
    stages = tuple(_restrict_stage(i, stage, space, profile, removed) for i, stage in enumerate(space.stages))
    heads = _restrict_heads(space, profile, removed)
    return Restriction(replace(space, stem=stem, stages=stages, heads=heads), tuple(removed))


def _restrict_stage(
    i: int, stage: StageOptions, space: SearchSpace, profile: HardwareProfile, removed: list[str]
) -> StageOptions:
    chs = max(stage.out_chs)
    kept: list[Family] = []
    for family in stage.families:

        def attempt(fields: Mapping[str, Any], family: Family = family) -> set[str]:
            block = family.block(out_chs=chs, **fields)  # type: ignore[call-arg]
            return _unsupported(profile, block, chs)

        fields = _restrict_fields(f"stage {i}: {family.kind}", family.fields, attempt, removed)
        if fields is not None:
            kept.append(replace(family, fields=fields))
    left = replace(stage, families=tuple(kept), tied=_still_tied(stage, kept))
    _require(left.families_at(0), f"stage {i}", space, profile, removed)
    return left


def _restrict_heads(
    space: SearchSpace, profile: HardwareProfile, removed: list[str]
) -> Mapping[str, Mapping[str, Values]]:
    kept: dict[str, Mapping[str, Values]] = {}
    for kind, choices in space.heads.items():

        def attempt(fields: Mapping[str, Any], kind: str = kind) -> set[str]:
            head = Head(kind, **fields)  # type: ignore[arg-type]
            return _unsupported(profile, Classifier(head, space.num_classes), 64)

        fields = _restrict_fields(f"head {kind}", choices, attempt, removed)
        if fields is not None:
            kept[kind] = fields
    _require(kept, "head", space, profile, removed)
    return kept


def _restrict_fields(
    place: str, choices: Mapping[str, Values], attempt: Try, removed: list[str]
) -> Mapping[str, Values] | None:
    """Return the choices that run, or None if no combination was found that does.

    From one combination that runs (found field by field), every other value of every field is tried on its own.
    """
    base = {name: values[0] for name, values in choices.items()}
    for name, values in choices.items():
        base[name] = min(values, key=lambda v, n=name: len(attempt({**base, n: v})))  # type: ignore[misc]
    wrong = attempt(base)
    if wrong:
        removed.append(f"{place}: needs {', '.join(sorted(wrong))}")
        return None
    kept: dict[str, Values] = {}
    for name, values in choices.items():
        legal = []
        for value in values:
            wrong = attempt({**base, name: value})
            if wrong:
                removed.append(f"{place}: {name} {value} needs {', '.join(sorted(wrong))}")
            else:
                legal.append(value)
        kept[name] = tuple(legal)
    return kept


def _unsupported(profile: HardwareProfile, part: Part, in_chs: int) -> set[str]:
    return unsupported_ops(profile, trace_part(part, (in_chs, _SIZE, _SIZE)))


def _still_tied(stage: StageOptions, kept: list[Family]) -> frozenset[str]:
    names = {"kind", *(name for family in kept for name in family.fields)}
    return stage.tied & names


def _require(left: object, place: str, space: SearchSpace, profile: HardwareProfile, removed: list[str]) -> None:
    if not left:
        reasons = "; ".join(r for r in removed if r.startswith(place)) or "no block that can open the stage is left"
        raise UserError(f"target {profile.name} can run no {place} of search space {space.name!r}: {reasons}")
