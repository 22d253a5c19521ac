"""Exports timm models of eight families in every format and writes what came out into docs/export.md.

    python -m tools.export_matrix                                   all that is missing, then the tables
    python -m tools.export_matrix --model repvgg_a0 --format tflite,torch  these again, the page stays as it is
    python -m tools.export_matrix --tables                          the tables alone

Results are kept in ``exported/matrix.json`` after every file, so a run that was cut short goes on where it ended.
Weights are random (`nas.export.deployable`), images are crops of two photographs: what is checked is the conversion.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas import runs, schema, torch_compat
from nas.cli.values import names
from nas.errors import NasError
from nas.export.deployable import Deployable, Images, from_timm
from nas.export.formats import format_names, installed_formats
from nas.export.run import export_all
from nas.report.tables import Table, to_markdown

MODELS = (
    *("mobilenetv3_small_100", "mobilenetv4_conv_small", "efficientnet_lite0", "mobilevit_xxs"),
    *("deit_tiny_patch16_224", "convnext_atto", "ghostnet_100", "repvgg_a0"),
)
FOLDER = Path("exported")
RESULTS = FOLDER / "matrix.json"
PAGE = Path(__file__).parents[1] / "docs" / "export.md"
START, END = "<!-- matrix: python -m tools.export_matrix -->", "<!-- end of matrix -->"

Results = dict[str, dict[str, dict[str, Any]]]
"""By model and format."""


def main() -> None:
    """Export what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, help="only this one")
    parser.add_argument("--format", type=names, help="only these, by commas, again if they are there already")
    parser.add_argument("--tables", action="store_true", help="write the tables, export nothing")
    arguments = parser.parse_args()
    results = _read()
    if not arguments.tables:
        for model in [arguments.model] if arguments.model else MODELS:
            _export(model, arguments.format, results)
    if arguments.model is None:
        _write_page(results)


def _export(model: str, wanted: Sequence[str] | None, results: Results) -> None:
    formats = wanted or [name for name in installed_formats() if name not in results.get(model, {})]
    if not formats:
        return
    torch_compat.prepare()
    network = from_timm(f"timm:{model}", Images())
    for name in formats:
        found = _one(network, name, FOLDER / model)
        print(model, name, found.get("error") or "passed", f"{found['seconds']} s", flush=True)
        results.update(_read())  # another process may have added to them
        results.setdefault(model, {})[name] = found
        runs.write_atomic(RESULTS, json.dumps(results, indent=1).encode())


def _one(network: Deployable, name: str, folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        [found] = export_all(network, [name], folder)
        result = schema.to_dict(found)
    except NasError as error:
        result = {"error": str(error)}
    return {**result, "seconds": round(time.perf_counter() - started)}


def _read() -> Results:
    return runs.read_json(RESULTS) if RESULTS.is_file() else {}


def _write_page(results: Results) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    runs.write_atomic(PAGE, f"{before}{START}\n\n{tables(results)}\n\n{END}{after}".encode())


def tables(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Write what came out as Markdown: numbers, what failed and why, what devices make of the files."""
    found = [model for model in MODELS if model in results]
    formats = format_names()
    rows = [(f"`{model}`", *(_cell(results[model].get(name)) for name in formats)) for model in found]
    failed = [
        f"- `{model}` as `{name}`: {_reason(entry['error'])}"
        for model in found
        for name, entry in results[model].items()
        if "error" in entry
    ]
    parts = [to_markdown(Table(("", *formats), tuple(rows))), "\n".join(failed), _devices(results, found)]
    return "\n\n".join(part for part in parts if part)


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "-"
    if "error" in entry:
        return "no"
    return f"{entry['relative_difference']:.0e}" if entry["tolerance"] is not None else f"{entry['sqnr_db']:.0f} dB"


def _reason(error: str) -> str:
    return error.splitlines()[0].partition("; kept as")[0].replace("|", "\\|")


def _devices(results: Mapping[str, Mapping[str, Mapping[str, Any]]], models: Sequence[str]) -> str:
    rows = [
        (f"`{model}`", f"`{name}`", legality["device"], *_told(legality))
        for model in models
        for name, entry in sorted(results[model].items())
        for legality in entry.get("legality", ())
    ]
    headers = (
        "",
        "file",
        "device",
        "operators",
        "run elsewhere",
        "of the MACs",
        "first of them, or what refuses the file",
    )
    return to_markdown(Table(headers, tuple(rows), left=3)) if rows else ""


def _told(legality: Mapping[str, Any]) -> tuple[str, str, str, str]:
    problems = [*legality["problems"], *(f"{f['operator']}: {f['reason']}" for f in legality["fallback"])]
    return (
        str(legality["operators"]),
        str(legality["fallback_operators"]),
        f"{100 * legality['fallback_macs_share']:.1f} %",
        problems[0].replace("|", "\\|") if problems else "-",
    )


if __name__ == "__main__":
    main()
