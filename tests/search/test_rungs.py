"""Candidates that are trained longer and longer: who goes on, and that an interrupted rung goes on."""

from pathlib import Path

import toy

from nas import runs
from nas.runs import RunDirectory
from nas.search.candidate import Candidate
from nas.search.evaluate import Evaluation, FunctionSpec
from nas.search.inline import InlineExecutor
from nas.search.rungs import Rung, climb, promoted
from nas.training.recipe import Recipe


def candidates(count: int) -> list[Candidate]:
    import random
    from dataclasses import replace

    space, rng = toy.ToySpace(), random.Random(0)
    drawn = [space.sample(rng) for _ in range(count)]
    metrics = [replace(toy.cost(a), accuracy=toy.accuracy(a.to_dict())) for a in drawn]
    return [Candidate(i, "sampler", a, m, "complete") for i, (a, m) in enumerate(zip(drawn, metrics, strict=True))]


def test_a_third_goes_on_and_nothing_left_behind_beats_it() -> None:
    every = candidates(30)
    kept = promoted(every)
    assert len(kept) == 10
    left = [c for c in every if c not in kept]
    assert not any(
        all((a.metrics.accuracy > b.metrics.accuracy, a.metrics.macs < b.metrics.macs)) for a in left for b in kept[:1]
    )


def test_rungs_are_kept_apart_and_only_the_highest_counts(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "run") as run:
        best, outcome = climb(
            candidates(18),
            Recipe(epochs=2),
            2,
            spec=lambda recipe: FunctionSpec("toy:accuracy"),
            executor=InlineExecutor(),
            run_dir=run,
            told=lambda number, size, epochs: lambda candidate: None,
            should_stop=lambda: False,
        )
        lines = run.recover_records(runs.RUNGS)
    assert outcome == "finished"
    assert [(line["rung"], line["epochs"]) for line in lines] == [(1, 6)] * 6 + [(2, 18)] * 2
    assert {c.number for c in best} == {line["number"] for line in lines[6:]}


def test_a_rung_takes_up_what_was_finished(tmp_path: Path) -> None:
    entrants = candidates(3)
    with RunDirectory.create(tmp_path, "run") as run:
        first = Rung(1, entrants, 6, run)
        asked = first.ask()
        assert asked is not None
        first.tell(asked, Evaluation(0.5, None, 1.0))
        again = Rung(1, entrants, 6, run)
        assert again.counts.evaluated == 1
        assert [again.ask() for _ in range(3)] == [*entrants[1:], None]
        assert again.scored[0].metrics.accuracy == 0.5
