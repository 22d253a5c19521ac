"""Successive halving after a search by short trainings: the best are trained anew, longer, rung by rung.

In the manner of successive halving (Jamieson and Talwalkar 2016, arXiv:1502.07943; ASHA: Li et al. 2018,
arXiv:1810.05934). The search itself is the lowest rung: every candidate was trained equally long, so the sampler
compares like with like. Of each rung the best third goes on to the next, three times as long, from random weights
and with a whole schedule of its own. Accuracies of different rungs are never compared: each rung has its own lines in
``rungs.jsonl``, and only the highest rung sends finalists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nas import pareto, runs
from nas.search.candidate import Candidate, Counts
from nas.search.evaluate import Evaluation, EvaluatorSpec
from nas.search.executor import Executor, OnResult, Outcome, ShouldStop
from nas.search.samplers.evolution import crowding
from nas.training.recipe import Recipe

if TYPE_CHECKING:
    from nas.runs import RunDirectory

REDUCTION = 3  # a rung is so many times as long as the one below, and holds so many times fewer


class Rung:
    """The candidates of one rung, for an executor: it gives them out and takes their evaluations.

    Args:
        number: 1 for the first rung above the search.
        candidates: what to train.
        epochs: how long, as every line in the file says.
        run_dir: where evaluations are kept; those of an earlier sitting are taken up.
    """

    def __init__(self, number: int, candidates: Sequence[Candidate], epochs: int, run_dir: RunDirectory) -> None:
        self._number = number
        self._epochs = epochs
        self._run_dir = run_dir
        self._asked: dict[int, Candidate] = {}
        self._done: list[Candidate] = []
        known = {c.number: c for c in candidates}
        for record in run_dir.recover_records(runs.RUNGS):
            if record["rung"] == number and record["number"] in known:
                self._done.append(Candidate.from_dict(record, known.pop(record["number"]).architecture))
        self._left = list(known.values())

    @property
    def scored(self) -> list[Candidate]:
        """What was evaluated with success, in the order of the search."""
        return sorted((c for c in self._done if c.state == "complete"), key=lambda c: c.number)

    @property
    def counts(self) -> Counts:
        """How many evaluations succeeded and failed."""
        states = [c.state for c in self._done]
        return Counts(evaluated=states.count("complete"), failed=states.count("failed"))

    @property
    def pending(self) -> int:
        """How many candidates were asked for and not told yet."""
        return len(self._asked)

    @property
    def ready(self) -> bool:
        """Always: what is trained here depends on no result."""
        return True

    def ask(self) -> Candidate | None:
        """Return a candidate that is not trained yet; None if all are given out."""
        if not self._left:
            return None
        candidate = self._left.pop(0)
        self._asked[candidate.number] = candidate
        return candidate

    def tell(self, candidate: Candidate, evaluation: Evaluation) -> Candidate:
        """Take an evaluation; it is on disk when this returns."""
        del self._asked[candidate.number]
        finished = candidate.told(evaluation)
        self._done.append(finished)
        record: dict[str, Any] = {"rung": self._number, "epochs": self._epochs, **finished.to_dict()}
        self._run_dir.append_record(runs.RUNGS, record)
        return finished


def promoted(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the best third, front by front, of one front the lonelier first."""
    scores = [(c.metrics.accuracy or 0.0, float(c.metrics.macs)) for c in candidates]
    ranks, room = pareto.ranks(scores), crowding(scores)
    order = sorted(range(len(candidates)), key=lambda i: (ranks[i], -room[i], candidates[i].number))
    return [candidates[i] for i in order[: math.ceil(len(candidates) / REDUCTION)]]


def climb(
    scored: Sequence[Candidate],
    recipe: Recipe,
    rungs: int,
    *,
    spec: Callable[[Recipe], EvaluatorSpec],
    executor: Executor,
    run_dir: RunDirectory,
    told: Callable[[int, int, int], OnResult],
    should_stop: ShouldStop,
) -> tuple[list[Candidate], Outcome]:
    """Train the best of a search longer and longer, and return the highest rung's candidates.

    Args:
        scored: every candidate of the search, all trained by `recipe`.
        recipe: the training of the lowest rung.
        rungs: how many rungs there are above the search.
        spec: gives the evaluator of a training.
        executor: evaluates.
        run_dir: where results are kept.
        told: makes, of a rung's number, its size and its epochs, what hears of each result.
        should_stop: asked before each training; the running ones are still finished.
    """
    best = list(scored)
    for number in range(1, rungs + 1):
        longer = replace(recipe, epochs=recipe.epochs * REDUCTION**number)
        entrants = promoted(best)
        rung = Rung(number, entrants, longer.epochs, run_dir)
        if rung.counts.evaluated + rung.counts.failed < len(entrants):
            hear = told(number, len(entrants), longer.epochs)
            outcome = executor.run(rung, spec(longer), len(entrants), hear, should_stop)
            if outcome == "stopped":
                return best, outcome
        if not rung.scored:  # nothing of it could be trained: what the rung below knows still counts
            break
        best = rung.scored
    return best, "finished"
