"""What every search algorithm keeps to on the shipped spaces; samplers are found by themselves."""

import pytest

from nas.hardware.profile import profile_names
from nas.search.evaluate import FunctionSpec
from nas.search.inline import InlineExecutor
from nas.search.objective import Constraints, feasible
from nas.search.samplers import DEFAULT, SAMPLERS
from nas.search.study import Study
from nas.search.target import load_target, search_field
from nas.space.architecture import Architecture
from nas.space.space import load_space

SAMPLER_NAMES = pytest.mark.parametrize("name", SAMPLERS)
EVALUATIONS = 25
CONSTRAINTS = Constraints(macs=9_000_000)


def accuracy(document: dict[str, object]) -> float:
    """Score deeper networks higher: enough for an algorithm to have something to find."""
    depth = sum(len(stage) for stage in Architecture.from_dict(document).stages)
    return depth / 20


def studied(name: str, seed: int = 0, evaluations: int = EVALUATIONS) -> Study:
    target = load_target(profile_names()[0])
    where = search_field(load_space("tiny-hybrid").for_classes(10), target)
    study = Study(where.restriction.space, CONSTRAINTS, target.metrics, sampler_name=name, seed=seed, seeds=where.seeds)
    spec = FunctionSpec(f"{__name__}:accuracy")
    InlineExecutor().run(study, spec, evaluations, lambda _: None, lambda: False)
    return study


def test_the_default_is_a_sampler() -> None:
    assert DEFAULT in SAMPLERS


@SAMPLER_NAMES
def test_a_study_ends_with_what_was_asked_for(name: str) -> None:
    study = studied(name)
    assert study.counts.evaluated == EVALUATIONS
    assert study.counts.failed == 0
    complete = [c for c in study.candidates if c.state == "complete"]
    assert len({c.digest for c in complete}) == EVALUATIONS
    assert all(feasible(c.metrics, CONSTRAINTS) for c in complete)
    assert {c.digest for c in study.front()} <= {c.digest for c in complete}


@SAMPLER_NAMES
def test_known_designs_come_first(name: str) -> None:
    sources = [c.source for c in studied(name, evaluations=15).candidates]
    known = [s.startswith("seed:") for s in sources]
    assert known[0]
    assert known == sorted(known, reverse=True)


@SAMPLER_NAMES
def test_the_same_seed_finds_the_same(name: str) -> None:
    first, again = ([c.digest for c in studied(name, 4).candidates] for _ in range(2))
    assert first == again
