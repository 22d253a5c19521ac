"""The tables of what timm models became in each format: read from a page, brought up to date, written again.

What a page already says stays unless there is a newer result, so a part of the models can be run alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.report.tables import Table, to_markdown

Results = dict[str, dict[str, dict[str, Any]]]
"""By model and format: a verification as plain data, or ``{"error": ...}``."""

UNKNOWN = "-"
_CORNER = ""
_DEVICES = (
    *("", "file", "device", "operators", "run elsewhere", "of the MACs"),
    "first of them, or what refuses the file",
)


@dataclass(frozen=True)
class Tables:
    """What is told of some models.

    Attributes:
        cells: by model and format, what came out.
        failures: by model and format, the line that says why there is no file.
        devices: by model and format, the rows that say what devices make of the file, behind those two names.
    """

    cells: Mapping[tuple[str, str], str] = field(default_factory=dict)
    failures: Mapping[tuple[str, str], str] = field(default_factory=dict)
    devices: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    def updated(self, results: Results) -> Tables:
        """Return the tables with `results` in place of what was told of the same files."""
        cells, failures, devices = dict(self.cells), dict(self.failures), dict(self.devices)
        for model, found in results.items():
            for name, entry in found.items():
                key = (model, name)
                failures.pop(key, None)
                devices.pop(key, None)
                cells[key] = _cell(entry)
                if "error" in entry:
                    failures[key] = f"- `{model}` as `{name}`: {_reason(entry['error'])}"
                elif entry.get("legality"):
                    devices[key] = tuple(_told(legality) for legality in entry["legality"])
        return Tables(cells, failures, devices)

    def knows(self, model: str, name: str) -> bool:
        """Whether something is told of a file."""
        return self.cells.get((model, name), UNKNOWN) != UNKNOWN

    def markdown(self, models: Sequence[str], formats: Sequence[str]) -> str:
        """Write the tables of `models`, a column for each of `formats`."""
        known = [m for m in models if any(self.knows(m, f) for f in formats)]
        rows = [(f"`{m}`", *(self.cells.get((m, f), UNKNOWN) for f in formats)) for m in known]
        places = [(m, f) for m in known for f in formats]
        failed = [self.failures[place] for place in places if place in self.failures]
        told = [(f"`{m}`", f"`{f}`", *row) for m, f in places for row in self.devices.get((m, f), ())]
        parts = [to_markdown(Table((_CORNER, *formats), tuple(rows))), "\n".join(failed)]
        parts += [to_markdown(Table(_DEVICES, tuple(told), left=3))] if told else []
        return "\n\n".join(part for part in parts if part)


def read_tables(text: str) -> Tables:
    """Read what `Tables.markdown` wrote."""
    cells: dict[tuple[str, str], str] = {}
    failures: dict[tuple[str, str], str] = {}
    devices: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {}
    headers: tuple[str, ...] = ()
    for line in text.splitlines():
        if line.startswith("- `"):
            _, model, _, name, *_ = line.split("`")
            failures[model, name] = line
        elif line.startswith("| `"):
            model, *rest = _row(line)
            if headers == _DEVICES:
                name, *told = rest
                key = (model.strip("`"), name.strip("`"))
                devices[key] = (*devices.get(key, ()), tuple(told))
            else:
                cells |= {(model.strip("`"), h): cell for h, cell in zip(headers[1:], rest, strict=True)}
        elif line.startswith("| ") and not line.startswith("| -"):
            headers = _row(line)
    return Tables(cells, failures, devices)


def _row(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def _cell(entry: Mapping[str, Any]) -> str:
    if "error" in entry:
        return "no"
    return f"{entry['relative_difference']:.0e}" if entry["tolerance"] is not None else f"{entry['sqnr_db']:.0f} dB"


def _reason(error: str) -> str:
    return _plain(error.splitlines()[0].partition("; kept as")[0])


def _told(legality: Mapping[str, Any]) -> tuple[str, ...]:
    problems = [*legality["problems"], *(f"{f['operator']}: {f['reason']}" for f in legality["fallback"])]
    return (
        str(legality["device"]),
        str(legality["operators"]),
        str(legality["fallback_operators"]),
        f"{100 * legality['fallback_macs_share']:.1f} %",
        _plain(problems[0]) if problems else UNKNOWN,
    )


def _plain(text: str) -> str:
    return text.replace("|", "/")  # a bar would end a cell
