"""Tables of text: the same content for a terminal, Markdown and HTML.

Columns of numbers share one unit, which stands in the header, and one number of decimals.
"""

from __future__ import annotations

import statistics
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nas.report.facts import NetworkFacts
from nas.report.numbers import NOTHING
from nas.report.svg import Markup, element, escaped


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text.

    Attributes:
        headers: one per column.
        rows: one tuple of cells per row.
        left: how many columns at the front hold words; the others hold numbers and are right-aligned.
        marked: the rows to point out.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    marked: frozenset[int] = frozenset()


def networks_table(networks: Sequence[NetworkFacts], *, ranked: bool = False) -> Table:
    """Tabulate networks: accuracy, cost and accuracy per GMAC.

    Args:
        networks: a row each.
        ranked: whether what stands for the search accuracy is a score that only ranks.
    """
    per_gmac = [None if ranked else n.accuracy_per_gmac for n in networks]
    columns = (
        _share("rank score (of 100)" if ranked else "search accuracy (%)", [n.search_accuracy for n in networks]),
        ("test accuracy (%)", [_with_spread(n.test_accuracy, n.test_accuracies) for n in networks]),
        *_in_precisions(networks),
        _scaled("accuracy per GMAC", per_gmac, ((1.0, "points"),)),
        _scaled("MACs", [n.macs for n in networks], _COUNTS),
        _scaled("est. latency", [n.latency_ms for n in networks], ((1.0, "ms"),)),
        _scaled("params", [n.params for n in networks], _COUNTS),
        _scaled("peak memory", [n.peak_memory_bytes for n in networks], _BYTES),
    )
    names = [n.name for n in networks]
    roles = [n.role if n.feasible else f"{n.role}, over budget" for n in networks]
    cells = zip(names, roles, *(column for _, column in columns), strict=True)
    return Table(
        headers=("network", "role", *(header for header, _ in columns)),
        rows=tuple(cells),
        left=2,
        marked=frozenset(i for i, n in enumerate(networks) if n.role == "winner"),
    )


def shortlist(networks: Sequence[NetworkFacts], most: int = 20) -> tuple[NetworkFacts, ...]:
    """Leave out candidates of a long front, evenly, so that `most` of those that were not trained to their end stay."""
    plain = [n for n in networks if not n.trained]
    kept = {id(plain[i * len(plain) // most]) for i in range(most)} if len(plain) > most else {id(n) for n in plain}
    return tuple(n for n in networks if n.trained or id(n) in kept)


def to_text(table: Table) -> str:
    """Write a table for a terminal."""
    widths = _widths(table)
    rule = "  ".join("─" * width for width in widths)
    lines = ["  ".join(_padded(table, row, widths)).rstrip() for row in (table.headers, *table.rows)]
    return "\n".join([lines[0], rule, *lines[1:]])


def to_markdown(table: Table) -> str:
    """Write a table in Markdown, with its columns aligned in the source as well."""
    safe = Table(_safe_cells(table.headers), tuple(_safe_cells(row) for row in table.rows), table.left, table.marked)
    widths = [max(3, width) for width in _widths(safe)]
    rule = ["-" * w if i < table.left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    rows = [_padded(safe, safe.headers, widths), rule, *(_padded(safe, row, widths) for row in safe.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def to_html(table: Table) -> Markup:
    """Write a table in HTML; on a narrow screen it scrolls by itself."""
    head = element("tr", *(_cell("th", table, i, h) for i, h in enumerate(table.headers)))
    rows = [
        element(
            "tr",
            *(_cell("td", table, i, text) for i, text in enumerate(row)),
            class_="marked" if number in table.marked else None,
        )
        for number, row in enumerate(table.rows)
    ]
    whole = element("table", element("thead", head), element("tbody", *rows))
    return element("div", whole, class_="scroll")


def markdown_safe(text: str) -> str:
    """Make any words safe to stand in a line of Markdown: no tags, no line breaks."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


def display_width(text: str) -> int:
    """Count the columns that `text` takes in a terminal: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


_COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2.0**20, "MiB"), (2.0**10, "KiB"))


def _share(header: str, values: Sequence[float | None]) -> tuple[str, list[str]]:
    return header, _written(values, lambda value: f"{100 * value:.1f}")


def _in_precisions(networks: Sequence[NetworkFacts]) -> list[tuple[str, list[str]]]:
    """Return a column for each precision, where networks were scored in several; nothing else is compared by them."""
    names = list(dict.fromkeys(name for n in networks for name in n.test_by_precision))
    if len(names) < 2:
        return []
    return [_share(f"test, {name} (%)", [n.test_by_precision.get(name) for n in networks]) for name in names]


def _with_spread(value: float | None, each: Sequence[float]) -> str:
    """Write a mean with the standard deviation over trainings, where there were several."""
    if value is None:
        return NOTHING
    return f"{100 * value:.1f}" + (f" ± {100 * statistics.stdev(each):.1f}" if len(each) > 1 else "")


def _scaled(header: str, values: Sequence[float | None], units: Sequence[tuple[float, str]]) -> tuple[str, list[str]]:
    known = sorted(v for v in values if v is not None)
    middle = known[len(known) // 2] if known else 0.0
    size, unit = next((u for u in units if middle >= u[0]), units[-1])
    largest = known[-1] / size if known else 0.0
    decimals = 0 if largest >= 1000 else 1 if largest >= 100 else 2 if largest >= 10 else 3
    return f"{header} ({unit})", _written(values, lambda value: f"{value / size:,.{decimals}f}")


def _written(values: Sequence[float | None], write: Callable[[float], str]) -> list[str]:
    return [NOTHING if value is None else write(value) for value in values]


def _widths(table: Table) -> list[int]:
    return [max(map(display_width, column)) for column in zip(table.headers, *table.rows, strict=True)]


def _padded(table: Table, row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = []
    for i, (text, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - display_width(text))
        cells.append(text + space if i < table.left else space + text)
    return cells


def _safe_cells(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(markdown_safe(cell).replace("|", "\\|") for cell in cells)


def _cell(tag: str, table: Table, column: int, text: str) -> Markup:
    return element(tag, escaped(text), class_=None if column < table.left else "number")
