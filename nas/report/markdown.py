"""The report in Markdown: the same content as the page, with tables in place of the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.report import words
from nas.report.architecture_chart import architecture_data
from nas.report.facts import RunFacts
from nas.report.history_chart import history_data
from nas.report.kernel_chart import kernel_data
from nas.report.numbers import milliseconds, percent
from nas.report.tables import Table, markdown_safe, networks_table, shortlist, to_markdown


def render_markdown(run: RunFacts) -> str:
    """Write the whole report as Markdown."""
    parts = [
        f"# {_safe(words.heading(run))}",
        _safe(words.verdict(run)),
        f"**Budget:** {_safe(words.limits(run))}",
        _tiles(run),
        _architecture(run),
        _kernels(run),
        _networks(run),
        _history(run),
        _evidence(run),
        _course(run),
        _next(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tiles(run: RunFacts) -> str:
    rows = tuple((tile.name, tile.value, tile.note) for tile in words.tiles(run))
    return to_markdown(Table(("winner", "", ""), rows, left=3)) if rows else ""


def _architecture(run: RunFacts) -> str:
    document = run.winner_document.get("architecture")
    if not document:
        return ""
    size = document["resolution"]
    return f"## The winner\n\nInput {size} × {size}.\n\n{architecture_table(document)}"


def architecture_table(document: Mapping[str, Any]) -> str:
    """Return an architecture as a Markdown table, one row a block."""
    rows = tuple(
        (frame.name if i == 0 else "", box.kind, box.numbers, box.shape)
        for frame in architecture_data(document)
        for i, box in enumerate(frame.blocks)
    )
    return to_markdown(Table(("stage", "block", "numbers", "output"), rows, left=4))


def _kernels(run: RunFacts) -> str:
    data = kernel_data(run.winner_document.get("kernels") or ())
    if not data.bars:
        return ""
    kinds = ", ".join(f"{_safe(kind)} {percent(share, 0)}" for kind, _, share in data.kinds)
    rows = tuple((bar.label, str(bar.count), milliseconds(bar.latency_ms), percent(bar.share)) for bar in data.bars)
    table = to_markdown(Table(("kernel", "count", "est. latency", "share"), rows))
    return f"## Where the time goes\n\nShare by kind: {kinds}.\n\n{table}"


def _networks(run: RunFacts) -> str:
    if not run.networks:
        return ""
    networks = shortlist(run.networks)
    note = words.networks_note(run, len(networks))
    return f"## {words.NETWORKS}\n\n{to_markdown(networks_table(networks))}\n\n{note}"


def _history(run: RunFacts) -> str:
    data = history_data(run)
    if not data.best:
        return ""
    rows = tuple((str(evaluation), f"{accuracy:.1f}") for evaluation, accuracy in data.best)
    table = to_markdown(Table(("evaluation", "best search accuracy (%)"), rows, left=0))
    return f"## How the search went\n\n{words.history_note(run)}\n\n{table}"


def _evidence(run: RunFacts) -> str:
    sentence, pairs, sources = words.evidence(run)
    lines = [f"- {name}: {value}" for name, value in pairs]
    lines += [f"- source: {_safe(source)}" for source in sources]
    return "\n\n".join(filter(None, ["## What the latencies rest on", _safe(sentence), "\n".join(lines)]))


def _course(run: RunFacts) -> str:
    lines = [f"- {name}: {_safe(value)}" for name, value in words.course(run)]
    lines += [f"- exported: {_safe(line)}" for line in words.verifications(run)]
    return "\n\n".join(["## The run", "\n".join(lines)])


def _next(run: RunFacts) -> str:
    lines = [f"    {command}    # {purpose}" for command, purpose in words.commands(run)]
    return "\n\n".join(["## How to go on", "\n".join(lines)])


def _safe(text: str) -> str:
    return markdown_safe(text)
