"""The study on a shipped search space: what a toy space cannot show."""

import random

import pytest

from nas.runs import RunDirectory
from nas.search.evaluate import Evaluation, run_evaluation
from nas.search.evaluators.table import TableSpec
from nas.search.objective import Constraints, Metrics
from nas.search.samplers import SAMPLERS
from nas.search.study import Study
from nas.space.space import load_space


@pytest.fixture(scope="module")
def space():
    return load_space("tiny-hybrid").for_classes(10)


def cost(architecture):
    blocks = [block for _, _, block in architecture.blocks()]
    macs = architecture.resolution**2 * sum(block.out_chs for block in blocks)
    return Metrics(macs=macs, params=macs // 100, latency_ms=0.1 * len(blocks), peak_memory_bytes=1000)


def advance(study, evaluations):
    while study.counts.evaluated < evaluations:
        candidate = study.ask()
        study.tell(candidate, Evaluation(int(candidate.digest, 16) % 1000 / 1000, None, 0.0))
    return [(c.number, c.digest, c.state) for c in study.candidates]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_resumed_search_equals_an_undisturbed_one(tmp_path, space, sampler):
    limit = Constraints(latency_ms=1.0)
    undisturbed = advance(Study(space, limit, cost, sampler_name=sampler), 28)
    with RunDirectory.create(tmp_path, "run") as run_dir:
        advance(Study(space, limit, cost, sampler_name=sampler, run_dir=run_dir), 23)
        resumed = Study(space, limit, cost, sampler_name=sampler, run_dir=run_dir)
        assert advance(resumed, 28) == undisturbed


def test_the_seeds_of_the_space_are_tried_first(space):
    study = Study(space, Constraints(), cost)
    sources = [study.ask().source for _ in range(len(space.seeds()) + 1)]
    assert sources == [*(f"seed:{name}" for name, _ in space.seeds()), "sampler"]


def test_a_table_gives_accuracies_by_digest(space):
    known, unknown = space.smallest(), space.sample(random.Random(0))
    evaluator = TableSpec({known.digest: 0.75}).build()
    assert run_evaluation(evaluator, known.to_dict()).accuracy == 0.75
    assert run_evaluation(evaluator, unknown.to_dict()).error.startswith("the table has no")
