"""A search space without what a target cannot run, or wastes.

Nothing is listed by hand: every choice is built and traced, and a choice whose trace has an operator that the target
does not run is removed, with the reason. Widths that the engine pads are removed too, and depths and widths with which
no network's weights fit on the chip. That all weights of a network fit is no matter of one choice: `Restriction` has
the limit, and a search takes it for a constraint.

A space knows no hardware (that is a layer above it), so this is a function of a space and a target;
`SearchSpace.restricted_to` only calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nas.cost.cost import Classifier, Part, trace_part
from nas.errors import UserError
from nas.hardware.bounds import fewest_params
from nas.hardware.profile import HardwareProfile
from nas.hardware.restrict import max_params, unsupported_ops
from nas.hardware.ties import keep_ties
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
from nas.space.options import Family, StageOptions, Values
from nas.space.space import SearchSpace

_SIZE = 8  # height and width of the maps that choices are tried on; operators do not depend on it

Try = Callable[[Mapping[str, Any]], set[str]]
Fields = Mapping[str, Values]


@dataclass(frozen=True)
class Restriction:
    """A space as a target can run it.

    Attributes:
        space: what is left.
        removed: what is not, and why, one line each.
        max_params: how many weights stay on the target's chip: networks with more are not in the restricted space,
            though their choices are; None where the target has no such limit.
    """

    space: SearchSpace
    removed: tuple[str, ...]
    max_params: int | None = None

    def seeds(self, original: SearchSpace) -> tuple[tuple[str, Architecture], ...]:
        """Return the original space's starting points; those that had to change are called ``<name>-adapted``."""
        before = dict(original.seeds())
        found: dict[str, tuple[str, Architecture]] = {}
        for name, architecture in self.space.seeds():
            called = name if before[name] == architecture else f"{name}-adapted"
            found.setdefault(architecture.digest, (called, architecture))
        return tuple(found.values())


def restrict(space: SearchSpace, profile: HardwareProfile) -> Restriction:
    """Remove from `space` every choice that the target cannot run, pads, or cannot hold.

    Raises:
        UserError: if nothing is left of the stem, a stage or the head, with what was removed and why.
    """
    removed: list[str] = []
    padded = _without_padded(space, profile, removed)
    stem = _restrict_fields("stem", padded.stem, lambda f: _unsupported(profile, Stem(**f), 3), removed)
    _require(stem, "stem", space, profile, removed)
    assert stem is not None
    stages = tuple(_restrict_stage(i, stage, space, profile, removed) for i, stage in enumerate(padded.stages))
    heads = _restrict_heads(padded, profile, removed)
    runnable = keep_ties(space, replace(space, stem=stem, stages=stages, heads=heads), removed)
    limit = max_params(profile)
    return Restriction(_fitting(runnable, limit, profile, removed), tuple(removed), limit)


def _without_padded(space: SearchSpace, profile: HardwareProfile, removed: list[str]) -> SearchSpace:
    """Remove widths that the engine pads to the next multiple; where all are, they stay."""
    multiple = profile.limits.channel_multiple

    def kept(place: str, widths: Values) -> Values:
        left = tuple(width for width in widths if width % multiple == 0)
        for width in widths if left else ():
            if width % multiple:
                padded = -(-width // multiple) * multiple
                removed.append(
                    f"{place} {width} is worked on as {padded}: channels are padded to multiples of {multiple}"
                )
        return left or widths

    stem = {**space.stem, "out_chs": kept("stem: out_chs", space.stem["out_chs"])}
    stages = tuple(replace(s, out_chs=kept(f"stage {i}: out_chs", s.out_chs)) for i, s in enumerate(space.stages))
    heads = {k: {**f, "features": kept(f"head {k}: features", f["features"])} for k, f in space.heads.items()}
    return replace(space, stem=stem, stages=stages, heads=heads)


def _fitting(space: SearchSpace, limit: int | None, profile: HardwareProfile, removed: list[str]) -> SearchSpace:
    """Remove depths and widths with which even the fewest weights are too many."""
    if limit is None:
        return space
    fewest = fewest_params(space)
    if fewest > limit:
        raise UserError(
            f"target {profile.name} holds {limit:,} weights on the chip, but every network of search space "
            f"{space.name!r} has at least {fewest:,} of them"
        )
    original = space
    for i, stage in enumerate(original.stages):
        for name in ("depth", "out_chs"):
            for value in getattr(stage, name):
                least = fewest_params(_with_stage(original, i, **{name: (value,)}))
                if least > limit:
                    removed.append(
                        f"stage {i}: {name} {value} has at least {least:,} weights; {limit:,} fit on the chip"
                    )
                    left = tuple(v for v in getattr(space.stages[i], name) if v != value)
                    space = _with_stage(space, i, **{name: left})
    return space


def _with_stage(space: SearchSpace, i: int, **changes: Any) -> SearchSpace:
    stages = [replace(stage, **changes) if i == j else stage for j, stage in enumerate(space.stages)]
    return replace(space, stages=tuple(stages))


def _restrict_stage(
    i: int, stage: StageOptions, space: SearchSpace, profile: HardwareProfile, removed: list[str]
) -> StageOptions:
    chs = max(stage.out_chs)
    before = max(space.stages[i - 1].out_chs if i else space.stem["out_chs"])
    kept: list[Family] = []
    for family in stage.families:

        def attempt(fields: Mapping[str, Any], family: Family = family) -> set[str]:
            """Try the block wherever it may stand: at shapes that change it may have other operators."""
            missing: set[str] = set()
            for position, in_chs, stride in ((0, before, stage.stride), (1, chs, 1)):
                if family.stands_at(position) and position < max(stage.depth):
                    shape = {"stride": stride} if family.block.reshapes else {}
                    block = family.block(out_chs=chs, **shape, **fields)  # type: ignore[call-arg]
                    missing |= _unsupported(profile, block, in_chs)
            return missing

        fields = _restrict_fields(f"stage {i}: {family.name}", family.fields, attempt, removed)
        if fields is not None:
            kept.append(replace(family, fields=fields))
    left = replace(stage, families=tuple(kept), tied=_still_tied(stage, kept))
    _require(left.families_at(0), f"stage {i}", space, profile, removed)
    if not left.families_at(1) and max(left.depth) > 1:
        removed.append(f"stage {i}: depths above 1, for no kind is left to follow the first block")
        left = replace(left, depth=tuple(depth for depth in left.depth if depth == 1))
        _require(left.depth, f"stage {i}", space, profile, removed)
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
    if not profile.limits.unsupported:
        return set()
    return unsupported_ops(profile, trace_part(part, (in_chs, _SIZE, _SIZE)))


def _still_tied(stage: StageOptions, kept: list[Family]) -> frozenset[str]:
    names = {"kind", *(name for family in kept for name in family.fields)}
    return stage.tied & names


def _require(left: object, place: str, space: SearchSpace, profile: HardwareProfile, removed: list[str]) -> None:
    if not left:
        reasons = "; ".join(r for r in removed if r.startswith(place)) or "no block that can open the stage is left"
        raise UserError(f"target {profile.name} can run no {place} of search space {space.name!r}: {reasons}")
