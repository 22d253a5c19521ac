"""A run's documents as typed facts; every table and picture of the report reads only these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nas.report.documents import Documents

Role = Literal["winner", "finalist", "baseline", "candidate"]


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """One network that has a name: the winner, a finalist, a baseline, a candidate on the front that the search saw.

    Attributes:
        role: every role but ``candidate`` is of a network that was trained to its end.
        latency_interval_ms: where the true latency is expected, if the target's profile says so.
        search_accuracy: on the split held out of training; a candidate's is what the evaluator gave.
        test_accuracy: on the test split, mean over trainings; only finalists and baselines have one.
        test_accuracies: of each training.
        search_accuracies: of each training, on the search split.
        test_by_precision: on the test split in each precision that was scored; `test_accuracy` is one of them.
        accuracy_per_gmac: percentage points of accuracy per 10^9 multiply-adds.
        feasible: whether it is within the budget.
        keeps_inherited: whether it has the weights that its training began with, because that made them worse.
    """

    name: str
    role: Role
    digest: str
    macs: int
    params: int
    latency_ms: float
    latency_interval_ms: tuple[float, float] | None
    peak_memory_bytes: int | None
    search_accuracy: float | None
    test_accuracy: float | None
    accuracy_per_gmac: float | None
    feasible: bool
    test_accuracies: tuple[float, ...] = ()
    search_accuracies: tuple[float, ...] = ()
    test_by_precision: Mapping[str, float] = field(default_factory=dict)
    keeps_inherited: bool = False

    @property
    def trained(self) -> bool:
        """Whether it was trained to its end; else its accuracy is what the evaluator gave."""
        return self.role != "candidate"


@dataclass(frozen=True, slots=True)
class CandidateFacts:
    """One network that the search looked at; `accuracy` is what the evaluator gave, None if it was never scored."""

    number: int
    digest: str
    source: str
    state: str
    accuracy: float | None
    macs: int
    latency_ms: float

    @property
    def seed(self) -> str | None:
        """The name of the seed architecture that this candidate is, if it is one."""
        kind, _, name = self.source.partition(":")
        return name if kind == "seed" and name else None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything a report tells about one run.

    Attributes:
        networks: the winner, then finalists, baselines and candidates, each by MACs; no network twice.
        candidates: what the search looked at; none where it was ranked without an accuracy.
        result: the document itself, for what is shown as it stands.
    """

    path: str
    networks: tuple[NetworkFacts, ...]
    candidates: tuple[CandidateFacts, ...]
    result: Mapping[str, Any]

    @property
    def winner(self) -> NetworkFacts | None:
        """The network the search chose, or None if nothing was feasible."""
        return next((n for n in self.networks if n.role == "winner"), None)

    @property
    def untrained(self) -> tuple[CandidateFacts, ...]:
        """The candidates without a training of their own after the search: what the evaluator gave is all there is."""
        trained = {n.digest for n in self.networks if n.trained and n.digest}
        return tuple(c for c in self.candidates if c.digest not in trained)

    @property
    def scores(self) -> str:
        """How the accuracy that the evaluator gave is spoken of."""
        evaluator = self.result.get("evaluator") or {}
        return str(evaluator.get("scores") or "before a final training")

    @property
    def winner_document(self) -> Mapping[str, Any]:
        """The winner's own part of the result: architecture and kernels."""
        return self.result.get("winner") or {}

    @property
    def budget(self) -> Mapping[str, Any]:
        """The limits of the search."""
        return self.result.get("budget") or {}

    def text(self, key: str) -> str:
        """Return an entry of the result as text, empty if it is missing."""
        value = self.result.get(key)
        return "" if value is None else str(value)


def run_facts(documents: Documents) -> RunFacts:
    """Turn a run's documents into facts."""
    result = documents.result
    # What only ranks candidates gives no accuracy that could stand beside one.
    ranked = not (result.get("evaluator") or {}).get("gives_accuracy", True)
    return RunFacts(
        path=str(documents.path),
        networks=_networks(result),
        candidates=() if ranked else tuple(_candidate(entry) for entry in documents.candidates),
        result=result,
    )


def best_baseline(run: RunFacts) -> NetworkFacts | None:
    """Return the baseline of the verdict, else the feasible one with the best accuracy (test, if every one has it)."""
    verdict = run.result.get("verdict")
    against = verdict.get("against") if isinstance(verdict, Mapping) else None
    named = next((n for n in run.networks if n.role == "baseline" and n.name == against), None)
    if named is not None:
        return named
    feasible = [n for n in run.networks if n.role == "baseline" and n.feasible]
    tested = all(n.test_accuracy is not None for n in feasible)
    return max(feasible, key=lambda n: (n.test_accuracy if tested else n.search_accuracy) or 0.0, default=None)


def _networks(result: Mapping[str, Any]) -> tuple[NetworkFacts, ...]:
    front = [
        _network(entry, "finalist" if entry.get("test_accuracy") is not None else "candidate")
        for entry in result.get("front") or ()
    ]
    baselines = [_network(entry, "baseline") for entry in result.get("baselines") or ()]
    winner = [_winner(result["winner"], baselines)] if result.get("winner") else []
    baselines = [n for n in baselines if not winner or n.digest != winner[0].digest]
    # A baseline is shown as one even where it is on the front: its name says more.
    named = {n.digest for n in (*winner, *baselines)}
    others = sorted((n for n in front if n.digest not in named), key=_macs)
    finalists, candidates = [n for n in others if n.trained], [n for n in others if not n.trained]
    return (*winner, *finalists, *sorted(baselines, key=_macs), *candidates)


def _winner(entry: Mapping[str, Any], baselines: Sequence[NetworkFacts]) -> NetworkFacts:
    winner = _network(entry, "winner")
    same = next((n.name for n in baselines if n.digest and n.digest == winner.digest), None)
    return replace(winner, name=f"{winner.name} ({same})") if same else winner


def _macs(network: NetworkFacts) -> int:
    return network.macs


def _network(entry: Mapping[str, Any], role: Role) -> NetworkFacts:
    digest = str(entry.get("digest") or "")
    return NetworkFacts(
        name=str(entry.get("name") or digest[:8]),
        role=role,
        digest=digest,
        macs=entry["macs"],
        params=entry["params"],
        latency_ms=entry["latency_ms"],
        latency_interval_ms=_interval(entry.get("latency_interval_ms")),
        peak_memory_bytes=entry.get("peak_memory_bytes"),
        search_accuracy=entry.get("search_accuracy"),
        test_accuracy=entry.get("test_accuracy"),
        accuracy_per_gmac=entry.get("accuracy_per_gmac"),
        feasible=bool(entry.get("feasible", True)),
        test_accuracies=tuple(entry.get("test_accuracies") or ()),
        search_accuracies=tuple(entry.get("search_accuracies") or ()),
        test_by_precision=dict(entry.get("test_accuracy_by_precision") or {}),
        keeps_inherited=bool(entry.get("keeps_inherited_weights")),
    )


def _interval(ends: Sequence[float] | None) -> tuple[float, float] | None:
    return (float(ends[0]), float(ends[1])) if ends else None


def _candidate(entry: Mapping[str, Any]) -> CandidateFacts:
    metrics = entry["metrics"]
    return CandidateFacts(
        number=entry["number"],
        digest=str(entry.get("digest") or ""),
        source=str(entry.get("source") or ""),
        state=entry["state"],
        accuracy=metrics.get("accuracy"),
        macs=metrics["macs"],
        latency_ms=metrics["latency_ms"],
    )
