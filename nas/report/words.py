"""What the report says in words; the page and the Markdown file say the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.report.facts import NetworkFacts, RunFacts, best_baseline
from nas.report.numbers import NOTHING, compact, duration, memory, milliseconds, percent, significant
from nas.search.limits_text import share_text

Pairs = tuple[tuple[str, str], ...]
NETWORKS = "Winner, finalists, baselines and candidates"

_EVIDENCE = {
    "measured": "Latencies are estimates of a model fitted to networks measured on this device.",
    "published": "Latencies are estimates of a model fitted to published measurements of this device.",
    "datasheet": (
        "Latencies are computed from datasheet peaks. No network was ever measured on this device: "
        "they compare networks, but promise no milliseconds."
    ),
}
_EXTRAPOLATED = (
    "The winner's latency lies outside the latencies of those networks: it is an extrapolation, and its interval is as "
    "wide as a datasheet's."
)
_LIMITS = (
    ("macs", "MACs", compact),
    ("params", "parameters", compact),
    ("peak_memory_bytes", "peak memory", memory),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the headline."""

    name: str
    value: str
    note: str


def heading(run: RunFacts) -> str:
    """Name the run's target and data."""
    return f"{run.text('target') or 'unknown target'} · {run.text('data') or 'unknown data'}"


def verdict(run: RunFacts) -> str:
    """Return the run's verdict, or say that nothing fits."""
    found = run.result.get("verdict")
    text = str(found["text"]) if isinstance(found, Mapping) else str(found or "")  # earlier runs have the words alone
    if run.winner is None:
        return text or "No network within the budget was found."
    return text or f"The winner is {run.winner.name}."


def limits(run: RunFacts) -> str:
    """Say what the budget was and where it comes from."""
    budget = run.budget
    parts = []
    if budget.get("latency_ms") is not None:
        origin = " (derived from the target and the space)" if budget.get("derived") else ""
        margin = f" with {percent(budget['margin'], 0)} added to an estimate" if budget.get("margin") else ""
        parts.append(f"latency at most {milliseconds(budget['latency_ms'])}{margin}{origin}")
    parts += [f"{name} at most {write(budget[key])}" for key, name, write in _LIMITS if budget.get(key) is not None]
    said = ", ".join(parts) or "none"
    share = budget.get("feasible_share")
    return said + (f"; {share_text(share)} of the search space fits" if share is not None else "")


def tiles(run: RunFacts) -> tuple[Tile, ...]:
    """Return the winner's figures."""
    winner = run.winner
    if winner is None:
        return ()
    rival = best_baseline(run)
    return (
        _accuracy_tile(winner, rival),
        Tile("estimated latency", milliseconds(winner.latency_ms), _latency_note(run, winner)),
        Tile("MACs", compact(winner.macs), _against(winner.macs, rival.macs if rival else None, rival)),
        Tile(
            "accuracy per GMAC",
            significant(winner.accuracy_per_gmac),
            _against(winner.accuracy_per_gmac, rival.accuracy_per_gmac if rival else None, rival)
            or "percentage points",
        ),
        Tile(
            "parameters",
            compact(winner.params),
            _against(winner.params, rival.params if rival else None, rival),
        ),
        Tile("peak memory", memory(winner.peak_memory_bytes), "activations, float32"),
    )


def evidence(run: RunFacts) -> tuple[str, Pairs, tuple[str, ...]]:
    """Return what the latencies rest on: a sentence, the figures, the sources."""
    found: Mapping[str, Any] = run.result.get("evidence") or {}
    kind = str(found.get("kind") or "")
    sentence = _EVIDENCE.get(kind, f"The profile's evidence is {kind!r}." if kind else "The profile gives no evidence.")
    pairs: list[tuple[str, str]] = []
    if kind != "datasheet":
        pairs = [
            ("networks", compact(found.get("networks"))),
            ("cross-validated error (MAPE)", percent(found.get("mape"))),
            ("estimates within ±10 %", percent(found.get("share_within_10"), 0)),
            ("rank correlation (Spearman)", significant(found.get("spearman"))),
        ]
    pairs += _measured(run)
    if found.get("note"):
        sentence += f" {found['note']}"
    if run.winner_document.get("extrapolated"):
        sentence += f" {_EXTRAPOLATED}"
    sources = tuple(str(source) for source in found.get("sources") or ())
    return sentence, tuple(pair for pair in pairs if pair[1] != NOTHING), sources


def networks_note(run: RunFacts, shown: int) -> str:
    """Say which accuracy is which, and how many networks are not in a table of `shown` of them."""
    left_out = len(run.networks) - shown
    more = f" {left_out} more candidates of the front are in result.json." if left_out else ""
    return (
        f"{accuracies_note(run)} Test accuracy is measured after final training; ± is the standard deviation over "
        "trainings, where there were several. Accuracy per GMAC is "
        "percentage points of search accuracy per 10⁹ multiply-adds." + more
    )


def accuracies_note(run: RunFacts) -> str:
    """Say what a search accuracy in a table is of: two kinds of it must not be compared."""
    after, kept = "after its final training", _kept(run)
    if all(n.trained for n in run.networks):
        return f"Search accuracy is of a split held out of training, of each network {after}.{kept}"
    return (
        f"Search accuracy is of a split held out of training: of winner, finalists and baselines, each {after}; "
        f"of candidates (the front as the search saw it), each {run.scores}.{kept}"
    )


def _kept(run: RunFacts) -> str:
    """Say which networks were better before their training, on the search split, and are as they were."""
    names = [n.name for n in run.networks if n.keeps_inherited]
    if not names:
        return ""
    have = "has" if len(names) == 1 else "have"
    return f" {', '.join(names)} {have} inherited weights: training made them worse on that split."


def history_note(run: RunFacts) -> str:
    """Say what the accuracies of the course are of."""
    return f"Accuracies of candidates as the search saw them, each {run.scores}."


def course(run: RunFacts) -> Pairs:
    """Return how the search ran."""
    counts: Mapping[str, Any] = run.result.get("counts") or {}
    seconds: Mapping[str, Any] = run.result.get("seconds") or {}
    versions: Mapping[str, Any] = run.result.get("versions") or {}
    pairs = [
        ("search space", run.text("space")),
        ("specialised from", run.text("specialised_from")),
        ("sampler", run.text("sampler")),
        ("candidates scored", _evaluator(run)),
        ("winner chosen by", _selection(run)),
        ("seed", run.text("seed")),
        ("candidates", ", ".join(f"{value} {key}" for key, value in counts.items())),
        ("time", ", ".join(f"{name} {duration(value)}" for name, value in seconds.items())),
        ("versions", ", ".join(f"{name} {value}" for name, value in versions.items())),
    ]
    return tuple(pair for pair in pairs if pair[1])


def _evaluator(run: RunFacts) -> str:
    found: Mapping[str, Any] = run.result.get("evaluator") or {}
    rungs = found.get("epochs_of_rungs") or ()
    passes = f" (passes, rung by rung: {', '.join(map(str, rungs))})" if rungs else ""
    divergence = found.get("supernet_divergence")
    taught = f"; its subnets learned from the largest by --supernet-divergence {divergence}" if divergence else ""
    return f"{found['scores']}{passes}{taught}" if found.get("scores") else ""


def verifications(run: RunFacts) -> tuple[str, ...]:
    """Say of each exported file whether it computes what the PyTorch model computes."""
    return tuple(_verification(entry) for entry in run.result.get("verification") or ())


def commands(run: RunFacts) -> Pairs:
    """Return what to do next: commands, each with its purpose."""
    path = shlex.quote(run.path)
    target = shlex.quote(run.text("target") or "TARGET")
    return (
        (
            f"nas export {path} --format onnx",
            "write deployable files, each checked against the PyTorch model",
        ),
        (f"nas select {path} --select latency", "another rule or budget; nothing is evaluated again"),
        (f"nas specialise {path} --target TARGET", "the same scores for another device"),
        (f"nas search --target {target} --data FOLDER", "search for the same target with other images"),
    )


def _measured(run: RunFacts) -> list[tuple[str, str]]:
    """Return the winner's measured latency, where ``nas verify`` or the search took one."""
    found: Mapping[str, Any] = run.result.get("measured") or {}
    digest = run.winner_document.get("digest")
    latencies = [r["measured_ms"] for r in found.get("networks") or () if r["digest"] == digest and r["measured_ms"]]
    if not latencies:
        return []
    value = f"{milliseconds(latencies[0])} with {found['engine']} on {found['device']}"
    differs = found.get("differs_from_target")
    return [("the winner, measured", f"{value}; not the target: {', '.join(differs)}" if differs else value)]


def _accuracy_tile(winner: NetworkFacts, rival: NetworkFacts | None) -> Tile:
    tested = winner.test_accuracy is not None
    name, value = ("test accuracy", winner.test_accuracy) if tested else ("search accuracy", winner.search_accuracy)
    if rival is None:
        return Tile(name, percent(value), "")
    other = rival.test_accuracy if tested else rival.search_accuracy
    return Tile(name, percent(value), f"{rival.name}: {percent(other)}" if other is not None else "")


def _latency_note(run: RunFacts, winner: NetworkFacts) -> str:
    notes = []
    if winner.latency_interval_ms is not None:
        low, high = winner.latency_interval_ms
        notes.append(f"{significant(low)} to {significant(high)} ms")
    limit = run.budget.get("latency_ms")
    if limit:
        notes.append(f"{percent(winner.latency_ms / limit, 0)} of the budget")
    return ", ".join(notes)


def _against(value: float | None, other: float | None, rival: NetworkFacts | None) -> str:
    if value is None or not other or rival is None:
        return ""
    change = value / other - 1
    if abs(change) < 0.005:
        return f"as {rival.name}"
    if change >= 1:
        return f"{significant(value / other, 2)} × {rival.name}"
    return f"{abs(100 * change):.0f} % {'less' if change < 0 else 'more'} than {rival.name}"


def _selection(run: RunFacts) -> str:
    rule = run.text("select").replace("_", " ").replace("per mac", "per MAC")
    slack = run.result.get("accuracy_slack")
    return (
        f"{rule}, within {100 * slack:g} {'point' if slack == 0.01 else 'points'} of the best accuracy"
        if rule and slack
        else rule
    )


def _verification(entry: Mapping[str, Any]) -> str:
    if entry.get("calibration_images"):
        return _integers(entry)
    word = "computes what PyTorch computes" if entry.get("passed") else "was REJECTED: it differs from PyTorch"
    difference = entry.get("max_abs_difference")
    return (
        f"{entry.get('format')} {word} ({entry.get('images')} images, largest difference "
        f"{'not finite' if difference is None else f'{difference:.1e}'}, "
        f"same class on {percent(entry.get('top1_agreement'))})"
    )


def _integers(entry: Mapping[str, Any]) -> str:
    """Integers are judged by classes: single numbers differ by rounding."""
    word = "agrees with PyTorch" if entry.get("passed") else "was REJECTED: it differs from PyTorch"
    accuracy, reference = entry.get("accuracy"), entry.get("pytorch_accuracy")
    compared = f", accuracy {percent(accuracy)} against {percent(reference)}" if accuracy is not None else ""
    return (
        f"{entry.get('format')} {word} ({entry.get('images')} images, same class on "
        f"{percent(entry.get('top1_agreement'))}{compared})"
    )
