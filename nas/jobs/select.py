"""Deciding anew which network of a run wins: another rule or budget, and not one evaluation more.

Networks that were trained to their end come first, compared as the search did: by their accuracy on the search split,
and by measured latencies where the run chose by them. Only where none of them keeps the budget do the front's members
take their place, with what the evaluator gave them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas import runs
from nas.errors import UserError, unknown_name
from nas.search.config import SearchConfig, read_config
from nas.search.evaluators import Kind, kind_of
from nas.search.limits_text import least_text, limits_text
from nas.search.objective import RULES, Constraints, Metrics, feasible, front, select


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; None takes what the run was begun with.

    Attributes:
        select: the rule, a name in `nas.search.objective.RULES`.
        accuracy_slack: accuracy that the rule may give up, as a fraction.
        limits: hard limits by the name of their metric; those left out stay.
    """

    select: str | None = None
    accuracy_slack: float | None = None
    limits: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """A network that may win.

    Attributes:
        name: as the run's documents have it.
        digest: of its architecture.
        metrics: what it costs, with its accuracy on the search split.
        test_accuracy: on the test split; None for one that was not trained to its end.
        known: whether it is a known design.
        entry: what the run's documents say of it.
    """

    name: str
    digest: str
    metrics: Metrics
    test_accuracy: float | None
    known: bool
    entry: Mapping[str, Any]

    @property
    def test_accuracies(self) -> Sequence[float]:
        """On the test split, one for each training."""
        each: Sequence[float] = self.entry.get("test_accuracies") or ()
        return each or ([] if self.test_accuracy is None else [self.test_accuracy])

    @property
    def right(self) -> Sequence[float]:
        """Not kept: which test images were told right."""
        return ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What was decided.

    Attributes:
        winner: who wins.
        contenders: all that were compared, those over the budget included.
        trained: whether they were trained to their end; else their accuracies are what the evaluator gave.
        constraints: the limits that were kept.
        select: the rule.
        accuracy_slack: as a fraction.
        former: digest of the network that the run names so far; None if it names none.
        unscored: candidates within these limits that the search never scored, for they were over its own.
        evaluator: what scored the candidates.
    """

    winner: Contender
    contenders: tuple[Contender, ...]
    trained: bool
    constraints: Constraints
    select: str
    accuracy_slack: float
    former: str | None
    unscored: int
    evaluator: Kind

    @property
    def within(self) -> tuple[Contender, ...]:
        """Those that keep the limits."""
        return tuple(c for c in self.contenders if feasible(c.metrics, self.constraints))


def select_anew(path: Path, order: Order) -> Selection:
    """Decide which network of the run at `path` wins. Changes nothing.

    Raises:
        UserError: if it is no run, the rule does not exist, or nothing that was scored keeps the limits.
    """
    if order.select is not None and order.select not in RULES:
        raise unknown_name("selection rule", order.select, RULES)
    config = read_config(path / runs.CONFIG)
    constraints = replace(config.constraints, **(order.limits or {}))
    records = runs.read_records(path / runs.CANDIDATES) if (path / runs.CANDIDATES).is_file() else []
    result = _result(path)
    finalists = _finalists(result, _measured(path, config))
    candidates = _candidates(records)
    trained = any(feasible(c.metrics, constraints) for c in finalists)
    contenders = finalists if trained else _front([c for c in candidates if feasible(c.metrics, constraints)])
    if not contenders:
        raise _nothing(path, [*finalists, *candidates], constraints)
    rule = order.select or config.select
    slack = config.accuracy_slack if order.accuracy_slack is None else order.accuracy_slack
    within = [c for c in contenders if feasible(c.metrics, constraints)]
    return Selection(
        winner=within[select(within, rule, slack)],
        contenders=tuple(contenders),
        trained=trained,
        constraints=constraints,
        select=rule,
        accuracy_slack=slack,
        former=(result.get("winner") or {}).get("digest"),
        evaluator=kind_of(config.evaluator),
        unscored=sum(r["state"] == "infeasible" and feasible(_metrics(r["metrics"]), constraints) for r in records),
    )


def _result(path: Path) -> Mapping[str, Any]:
    """Return the run's result; nothing where the run is not finished."""
    if not (path / runs.RESULT).is_file():
        return {}
    result = runs.read_json(path / runs.RESULT)
    if not isinstance(result, dict):
        raise UserError(f"{path / runs.RESULT}: expected a mapping")
    return result


def _finalists(result: Mapping[str, Any], measured_ms: Mapping[str, float]) -> list[Contender]:
    """Return everything that was trained to its end, each network once, the cheapest first."""
    known = {entry["digest"] for entry in result.get("baselines") or ()}
    found: dict[str, Contender] = {}
    for entry in (*(result.get("baselines") or ()), *(result.get("front") or ())):
        digest = entry["digest"]
        if entry.get("test_accuracy") is None or digest in found:
            continue
        metrics = _metrics({**entry, "accuracy": entry["search_accuracy"]})
        metrics = replace(metrics, latency_ms=measured_ms.get(digest, metrics.latency_ms))
        found[digest] = Contender(entry["name"], digest, metrics, entry["test_accuracy"], digest in known, entry)
    return sorted(found.values(), key=lambda c: c.metrics.macs)


def _candidates(records: Sequence[Mapping[str, Any]]) -> list[Contender]:
    return [
        Contender(
            name=_called(record),
            digest=record["digest"],
            metrics=_metrics(record["metrics"]),
            test_accuracy=None,
            known=record["source"].startswith("seed:"),
            entry=record,
        )
        for record in records
        if record["state"] == "complete"
    ]


def _called(record: Mapping[str, Any]) -> str:
    """Return a known design's own name, else its number."""
    kind, _, name = record["source"].partition(":")
    return name if kind == "seed" else f"candidate-{record['number']}"


def _front(contenders: Sequence[Contender]) -> list[Contender]:
    return [contenders[i] for i in front([c.metrics for c in contenders])]


def _metrics(figures: Mapping[str, Any]) -> Metrics:
    return Metrics.from_dict(figures)


def _measured(path: Path, config: SearchConfig) -> dict[str, float]:
    """Return measured latencies by digest, where the run chose by them and they are of its target."""
    if config.measure is None or not (path / runs.LATENCY).is_file():
        return {}
    found = runs.read_json(path / runs.LATENCY)
    if found["differs_from_target"]:
        return {}
    return {row["digest"]: row["measured_ms"] for row in found["networks"] if row["measured_ms"] is not None}


def _nothing(path: Path, scored: Sequence[Contender], constraints: Constraints) -> UserError:
    if not scored:
        return UserError(f"{path}: no candidate was scored yet, so there is nothing to select from")
    limits, least = limits_text(constraints), least_text([c.metrics for c in scored], constraints)
    flags = " ".join(f"--{name.replace('_', '-')} {limit:.9g}" for name, limit in constraints.limits.items())
    return UserError(
        f"{path}: none of the {len({c.digest for c in scored})} scored networks keeps {limits}; "
        f"the least of each: {least}; allow more, or search on with: nas specialise {path} {flags}"
    )
