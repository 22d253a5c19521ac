"""Words and pictures for people, made from a run directory's documents alone."""

from __future__ import annotations

from pathlib import Path

from nas import runs
from nas.report.documents import load_documents
from nas.report.facts import NetworkFacts, RunFacts, run_facts
from nas.report.markdown import render_markdown
from nas.report.page import render_page
from nas.report.tables import Table, networks_table, to_markdown, to_text

__all__ = [
    "NetworkFacts",
    "RunFacts",
    "Table",
    "load_facts",
    "networks_table",
    "render_markdown",
    "render_page",
    "to_markdown",
    "to_text",
    "write_report",
]


def load_facts(run_dir: Path) -> RunFacts:
    """Read what a run directory's documents say.

    Raises:
        UserError: if the run has no readable result.
    """
    return run_facts(load_documents(run_dir))


def write_report(run_dir: Path) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.md`` into a run directory and return their paths.

    Raises:
        UserError: if the run has no readable result.
    """
    run = load_facts(run_dir)
    pages = {run_dir / "report.html": render_page(run), run_dir / "report.md": render_markdown(run)}
    for path, text in pages.items():
        runs.write_atomic(path, text.encode())
    html_path, markdown_path = pages
    return html_path, markdown_path
