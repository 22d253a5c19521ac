"""The document ``result.json``: what a search found, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nas import schema
from nas.runs import versions
from nas.search.candidate import Candidate, Counts
from nas.search.config import SearchConfig
from nas.search.evaluators import kind_of
from nas.search.finalists import Finalist
from nas.search.objective import Metrics, feasible
from nas.search.rungs import REDUCTION
from nas.search.target import Target
from nas.search.verdict import Verdict, best_known, verdict

if TYPE_CHECKING:
    from nas.hardware.predictor import LatencyEstimate
    from nas.space.architecture import Architecture

SCHEMA_VERSION = 1
_KERNELS = 40  # the slowest ones are kept


@dataclass(frozen=True)
class Found:
    """Everything a search ended with.

    Attributes:
        winner: the network that the rule names.
        finalists: everything that was trained, the winner and known designs included.
        front: the feasible front as the search saw it; where candidates were trained longer and longer, that of the
            highest rung; where they were only ranked, its members that were trained.
        counts: how many candidates went which way.
        test_images: how many images the test accuracies rest on.
        seconds: time spent, by stage.
        left_out: why finalists could not be trained, by name.
    """

    winner: Finalist
    finalists: Sequence[Finalist]
    front: Sequence[Candidate]
    counts: Counts
    test_images: int
    seconds: Mapping[str, float]
    left_out: Mapping[str, str] = field(default_factory=dict)


def result_document(config: SearchConfig, target: Target, found: Found) -> dict[str, Any]:
    """Write a search's end as plain data."""
    trained = {f.candidate.digest: f for f in found.finalists}
    estimate = target.estimate(found.winner.architecture)
    evidence = target.profile.evidence
    return {
        "schema_version": SCHEMA_VERSION,
        "target": target.profile.name,
        "space": config.space,
        "data": config.data,
        "data_root": config.data_root,
        "seed": config.seed,
        "specialised_from": config.specialised_from,
        "versions": versions(),
        "budget": {
            **schema.to_dict(config.constraints),
            "derived": config.derived,
            "feasible_share": config.feasible_share,
        },
        "select": config.select,
        "accuracy_slack": config.accuracy_slack,
        "sampler": config.sampler,
        "precision": config.precision,
        "evaluator": evaluator_entry(config),
        "winner": winner_entry(_finalist(found.winner, target, config), estimate),
        "front": [
            _finalist(trained[c.digest], target, config) if c.digest in trained else _candidate(c, target, config)
            for c in found.front
        ],
        "baselines": [_finalist(f, target, config) for f in found.finalists if f.known],
        "evidence": {
            "kind": evidence.kind,
            "networks": evidence.networks,
            "sources": list(evidence.sources),
            "method": evidence.method,
            "note": evidence.note,
            **(schema.to_dict(evidence.errors) if evidence.errors else {}),
        },
        "verdict": schema.to_dict(_verdict(found, config)),
        "test_images": found.test_images,
        "counts": schema.to_dict(found.counts),
        "left_out": dict(found.left_out),
        "seconds": {name: round(seconds, 2) for name, seconds in found.seconds.items()},
    }


def _verdict(found: Found, config: SearchConfig) -> Verdict:
    within = [f for f in found.finalists if feasible(f.metrics, config.constraints)]
    rival = best_known(within, rule=config.select, accuracy_slack=config.accuracy_slack)
    beside, classes = sum(not f.known for f in within), found.winner.architecture.num_classes
    return verdict(found.winner, rival, found.test_images, classes=classes, found=beside)


def winner_entry(entry: Mapping[str, Any], estimate: LatencyEstimate) -> dict[str, Any]:
    """Return the part of the document that tells of the winner.

    Args:
        entry: what the document says of every finalist.
        estimate: its latency on the target, kernel by kernel.
    """
    kernels = _kernels(estimate.to_dict()["kernels"])
    return {**entry, "name": "winner", "kernels": kernels, "extrapolated": estimate.extrapolated}


def _finalist(finalist: Finalist, target: Target, config: SearchConfig) -> dict[str, Any]:
    figures = _figures(finalist.architecture, finalist.metrics, target)
    return {
        "name": finalist.name,
        **figures,
        **_scored(finalist.candidate, config),
        "test_accuracy": finalist.test_accuracy,
        "test_accuracies": list(finalist.test_accuracies),
        "test_accuracy_by_precision": finalist.test_by_precision,
        "search_accuracies": [t.search_accuracy for t in finalist.trainings],
        "keeps_inherited_weights": finalist.trainings[0].kept_start,
        "feasible": feasible(finalist.metrics, config.constraints),
    }


def _candidate(candidate: Candidate, target: Target, config: SearchConfig) -> dict[str, Any]:
    figures = _figures(candidate.architecture, candidate.metrics, target)
    return {"name": f"candidate-{candidate.number}", **figures, **_scored(candidate, config)}


def _scored(candidate: Candidate, config: SearchConfig) -> dict[str, Any]:
    """Return what the evaluator gave; only a supernet's accuracies are inherited ones."""
    name = "inherited_accuracy" if kind_of(config.evaluator).needs_supernet else "evaluator_score"
    return {name: candidate.metrics.accuracy}


def evaluator_entry(config: SearchConfig) -> dict[str, Any]:
    """Say what scored the candidates, what a score is, and how a supernet was taught where not as by default."""
    kind = kind_of(config.evaluator)
    said = {**schema.to_dict(config.evaluator), "scores": kind.words, "gives_accuracy": kind.gives_accuracy}
    if config.effort.candidate is not None:
        rungs = [config.effort.candidate.epochs * REDUCTION**i for i in range(config.effort.rungs + 1)]
        said["epochs_of_rungs"] = rungs
    divergence = schema.to_dict(config.effort.supernet).get("distill_divergence")  # left out at its default
    if kind.needs_supernet and divergence is not None:
        said["supernet_divergence"] = divergence
    return said


def _figures(architecture: Architecture, metrics: Metrics, target: Target) -> dict[str, Any]:
    return {
        "architecture": architecture.to_dict(),
        "digest": architecture.digest,
        "macs": metrics.macs,
        "params": metrics.params,
        "peak_memory_bytes": metrics.peak_memory_bytes,
        "latency_ms": metrics.latency_ms,
        "latency_interval_ms": list(target.estimate(architecture).interval_ms),
        "search_accuracy": metrics.accuracy,
        "accuracy_per_gmac": metrics.accuracy_per_gmac,
    }


def _kernels(kernels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(kernels, key=lambda k: -k["latency_ms"])[:_KERNELS]
