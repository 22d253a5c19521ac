"""The picture of a search space: how MACs and latency of random architectures spread, and where the zoo lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas import runs, schema
from nas.errors import UserError
from nas.report.histogram import Histogram, Panel, draw_histograms

SUFFIX = ".svg"
_MILLION = 1e6


def check_picture(path: Path) -> None:
    """Make sure that a picture may be written to `path`: nothing is there, or a picture of ours.

    Raises:
        UserError: if something else is there, the suffix is another, or the folder does not exist.
    """
    if path.suffix != SUFFIX:
        raise UserError(f"picture {str(path)!r}: the file is an SVG, so its name must end in {SUFFIX}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"picture {str(path)!r}: the folder does not exist")
    if path.exists() and not _is_ours(path):
        raise UserError(f"picture {str(path)!r}: the file exists and is no picture of a space; choose another name")


def write_picture(found: Mapping[str, Any], path: Path) -> None:
    """Draw what `nas.jobs.survey.survey_space` found into an SVG file.

    Raises:
        UserError: if the file cannot be written, or would take the place of something else.
    """
    check_picture(path)
    on = f" on {found['target']}" if found["target"] else ""
    heading = f"Search space {found['name']}{on}"
    note = f"{found['samples']:,} random architectures of {found['size']:.3g}; {found['description']}"
    panels = [
        _panel(found, "macs", "MACs (million)", _MILLION),
        _panel(found, "latency_ms", f"estimated latency on {found['latency_target']} (ms)", 1.0),
    ]
    try:
        runs.write_atomic(path, draw_histograms(heading, note, panels).encode())
    except OSError as error:
        raise UserError(f"picture {str(path)!r} cannot be written ({error.strerror})") from None


def default_picture(found: Mapping[str, Any]) -> Path:
    """Return the name of a space's picture in the current folder."""
    target = f"-{Path(found['target']).stem}" if found["target"] else ""
    return Path(runs.checked_name(f"{found['name']}{target}") + SUFFIX)


def _panel(found: Mapping[str, Any], key: str, axis: str, unit: float) -> Panel:
    bins = schema.read(Histogram, found["histograms"][key])
    scaled = Histogram(tuple(edge / unit for edge in bins.edges), bins.counts, bins.log)
    marks = tuple((point["name"], point[key] / unit) for point in found["zoo"])
    return Panel(axis, scaled, found[key]["median"] / unit, marks)


def _is_ours(path: Path) -> bool:
    try:
        return "<title>Search space " in path.read_text(encoding="utf-8")[:400]
    except (OSError, UnicodeDecodeError):
        return False
