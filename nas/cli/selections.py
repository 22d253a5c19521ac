"""What was selected anew, as text for a terminal and as plain data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import schema
from nas.report.facts import NetworkFacts, Role
from nas.report.tables import networks_table, shortlist, to_text
from nas.search.evaluators import kind_of
from nas.search.limits_text import limits_text
from nas.search.objective import feasible

if TYPE_CHECKING:
    from nas.jobs.select import Contender, Selection
    from nas.jobs.specialise import Transfer
    from nas.search.candidate import Candidate
    from nas.search.evaluators import Kind
    from nas.search.objective import Metrics


def selection_text(path: Path, selection: Selection, *, written: bool) -> str:
    """Say what was compared, what wins, and what to do next."""
    ranked = not (selection.trained or selection.evaluator.gives_accuracy)
    rows = shortlist([_contender_row(c, selection) for c in selection.contenders])
    table = to_text(networks_table(rows, ranked=ranked))
    winner, slack = selection.winner, 100 * selection.accuracy_slack
    lines = [table, "", _COMPARED if selection.trained else _untrained(selection.evaluator), ""]
    points = "point" if slack == 1 else "points"
    lines.append(f"rule     {selection.select}, slack {slack:g} {points}; {limits_text(selection.constraints)}")
    same = "; as before" if selection.former == winner.digest else ""
    lines.append(f"winner   {winner.name}{same}")
    if selection.unscored:
        lines.append(
            f"note     {selection.unscored} candidates within this budget were over the run's and never scored"
        )
    return "\n".join([*lines, *_next(path, selection, written=written)])


def selection_document(selection: Selection) -> dict[str, Any]:
    """Return what was decided as plain data."""
    return {
        "select": selection.select,
        "accuracy_slack": selection.accuracy_slack,
        "budget": schema.to_dict(selection.constraints),
        "trained": selection.trained,
        "former": selection.former,
        "unscored": selection.unscored,
        "winner": _row(selection.winner, selection),
        "contenders": [_row(c, selection) for c in selection.contenders],
    }


def transfer_text(made: Transfer) -> str:
    """Say what of a run is left on another target, and show the front there."""
    target, kept = made.config.target, len(made.candidates)
    origin = " (derived)" if made.config.derived else ""
    lines = [
        f"source   {made.source}: {made.scored} candidates scored, {made.runnable} of them can run on {target}",
        f"budget   {limits_text(made.config.constraints, origin)}: {kept} within it",
    ]
    if made.more:
        lines.append(f"search   up to {made.more} more are scored next (--evaluations)")
    if made.favourite is None:
        return "\n".join(lines)
    rows = [_facts(_called(c), c.digest, c.metrics, "candidate") for c in made.front]
    kind = kind_of(made.config.evaluator)
    table = to_text(networks_table(shortlist(rows), ranked=not kind.gives_accuracy))
    note = f"{made.config.select} would name {_called(made.favourite)}, by its {_score(kind)} ({kind.words})."
    return "\n".join([*lines, "", table, "", note])


_COMPARED = (
    "Compared by search accuracy after their own training (and measured latencies, where the run chose by them).\n"
    "Test accuracy is shown and decides nothing."
)


def _untrained(kind: Kind) -> str:
    return (
        f"No network that was trained to its end keeps this budget. These were NOT trained to their end: their\n"
        f"{_score(kind)} ({kind.words}) only compares them with each other."
    )


def _score(kind: Kind) -> str:
    return "accuracy" if kind.gives_accuracy else "score"


def _next(path: Path, selection: Selection, *, written: bool) -> list[str]:
    if written:
        return [f"written  {path / 'winner'}; export it with: nas export {path}"]
    if not selection.trained:
        latency_ms = selection.constraints.latency_ms
        limit = "" if latency_ms is None else f" --latency-ms {latency_ms:g}"
        return [f"train it with: nas specialise {path}{limit}"]
    if selection.former == selection.winner.digest:
        return []
    return ["put it into the run's winner folder with --write; the former is kept"]


def _row(contender: Contender, selection: Selection) -> dict[str, Any]:
    return {
        "name": contender.name,
        "digest": contender.digest,
        "known": contender.known,
        **contender.metrics.to_dict(),
        "test_accuracy": contender.test_accuracy,
        "feasible": feasible(contender.metrics, selection.constraints),
    }


def _called(candidate: Candidate) -> str:
    """Return a known design's own name, else its number."""
    kind, _, name = candidate.source.partition(":")
    return name if kind == "seed" else f"candidate-{candidate.number}"


def _contender_row(contender: Contender, selection: Selection) -> NetworkFacts:
    role: Role = "finalist" if selection.trained else "candidate"
    if contender.known and selection.trained:
        role = "baseline"
    if contender.digest == selection.winner.digest:
        role = "winner"
    facts = _facts(contender.name, contender.digest, contender.metrics, role)
    within = feasible(contender.metrics, selection.constraints)
    return replace(facts, test_accuracy=contender.test_accuracy, feasible=within)


def _facts(name: str, digest: str, metrics: Metrics, role: Role) -> NetworkFacts:
    return NetworkFacts(
        name=name,
        role=role,
        digest=digest,
        macs=metrics.macs,
        params=metrics.params,
        latency_ms=metrics.latency_ms,
        latency_interval_ms=None,
        peak_memory_bytes=metrics.peak_memory_bytes,
        search_accuracy=metrics.accuracy,
        test_accuracy=None,
        accuracy_per_gmac=metrics.accuracy_per_gmac,
        feasible=True,
    )
