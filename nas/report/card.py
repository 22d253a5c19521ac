"""The model card: ``winner/card.json`` for programs and ``winner/README.md`` for people.

Whoever gets the winner's folder learns from it what the network is, how good and how fast, on what evidence, how it was
trained and how each exported file is run. A licence that somebody wrote into ``card.json`` stays in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas import runs, schema
from nas.export.formats import ModelFacts, exporter, missing_modules
from nas.export.timm import CONFIG
from nas.export.verification import recorded
from nas.export.winner import winner_facts
from nas.report.card_page import render_card
from nas.report.documents import load_documents
from nas.report.facts import run_facts

CARD = "card.json"
PAGE = "README.md"
_METRICS = (
    *("search_accuracy", "test_accuracy", "accuracy_per_gmac", "macs", "params", "peak_memory_bytes"),
    *("latency_ms", "latency_interval_ms", "extrapolated"),
)


def write_card(run_dir: Path) -> tuple[Path, Path]:
    """Write both files of the card into the folder of a run's winner and return their paths.

    Raises:
        UserError: if the run has no winner.
    """
    folder = run_dir / "winner"
    facts = winner_facts(run_dir)
    documents = load_documents(run_dir)
    licence = runs.read_json(folder / CARD).get("licence") if (folder / CARD).is_file() else None
    card = _card(run_dir, documents.result, facts, licence)
    card["files"] = list(_files(run_dir, facts))
    card["rejected"] = [entry for entry in recorded(run_dir / "export") if not entry["passed"]]
    pages = {
        folder / CARD: json.dumps(card, indent=1, ensure_ascii=False) + "\n",
        folder / PAGE: render_card(card, run_facts(documents)),
    }
    for path, text in pages.items():
        runs.write_atomic(path, text.encode())
    json_path, page_path = pages
    return json_path, page_path


def _card(run_dir: Path, result: Mapping[str, Any], facts: ModelFacts, licence: object) -> dict[str, Any]:
    winner: Mapping[str, Any] = result.get("winner") or {}
    return {
        "schema_version": 1,
        "run": run_dir.resolve().name,
        "task": "image classification",
        "licence": licence,
        "digest": facts.digest,
        "architecture": winner.get("architecture"),
        "input": {"resolution": facts.resolution, "mean": facts.mean, "std": facts.std},
        "class_names": facts.class_names,
        "data": {"name": result.get("data"), "test_images": result.get("test_images")},
        "metrics": {name: winner[name] for name in _METRICS if winner.get(name) is not None},
        "hardware": {
            "target": result.get("target"),
            "evidence": result.get("evidence"),
            "measured": result.get("measured"),
        },
        "recipe": _recipe(run_dir),
        **{name: result.get(name) for name in ("space", "seed", "versions")},
    }


def _recipe(run_dir: Path) -> dict[str, Any]:
    """Return how finalists were trained, as the run's configuration says."""
    path = run_dir / runs.CONFIG
    config = schema.load_yaml(path) if path.is_file() else {}
    found: dict[str, Any] = dict((config.get("effort") or {}).get("finalist") or {})
    if config.get("warm_start"):
        found["warm_start"] = config["warm_start"]
    return found


def _files(run_dir: Path, facts: ModelFacts) -> Iterator[dict[str, Any]]:
    """Say of each file that can be run where it lies, what was checked and how it is run."""
    if (run_dir / "winner" / CONFIG).is_file():
        yield {"format": "timm", "path": "winner", "usage": asdict(exporter("timm").snippet("winner", facts))}
    for entry in recorded(run_dir / "export"):
        path = run_dir / "export" / entry["file"]
        # A file made where its converter was installed may be looked at where it is not.
        if entry["passed"] and path.exists() and not missing_modules(entry["format"]):
            place = path.relative_to(run_dir).as_posix()
            snippet = exporter(entry["format"]).snippet(place, facts)
            yield {"format": entry["format"], "path": place, "verification": entry, "usage": asdict(snippet)}
