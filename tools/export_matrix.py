"""Exports timm models of eight families in every format and writes what came out into docs/export.md.

    python -m tools.export_matrix                                   all that the page does not tell yet
    python -m tools.export_matrix --models repvgg_a0,ghostnet_100   of these alone
    python -m tools.export_matrix --models repvgg_a0 --format tflite,torch  these files again

Results are kept in ``exported/matrix.json`` after every file, so a run that was cut short goes on where it ended; the
page is written at the end, or by ``--tables`` alone. Weights are random (`nas.export.deployable`), images are crops of
two photographs: what is checked is the conversion.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas import runs, schema, torch_compat
from nas.cli.values import names
from nas.errors import NasError, unknown_name
from nas.export.deployable import Deployable, Images, from_timm
from nas.export.formats import format_names, installed_formats
from nas.export.run import export_all
from tools.export_tables import Results, Tables, read_tables

MODELS = (
    *("mobilenetv3_small_100", "mobilenetv4_conv_small", "efficientnet_lite0", "mobilevit_xxs"),
    *("deit_tiny_patch16_224", "convnext_atto", "ghostnet_100", "repvgg_a0"),
)
FOLDER = Path("exported")
RESULTS = FOLDER / "matrix.json"
PAGE = Path(__file__).parents[1] / "docs" / "export.md"
START, END = "<!-- matrix: python -m tools.export_matrix -->", "<!-- end of matrix -->"


def main() -> None:
    """Export what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=names, default=MODELS, help="only these, by commas")
    parser.add_argument("--format", type=names, help="only these, by commas, again if they are there already")
    parser.add_argument("--tables", action="store_true", help="write the tables, export nothing")
    arguments = parser.parse_args()
    for model in arguments.models:
        if model not in MODELS:
            raise unknown_name("model", model, MODELS)
    if not arguments.tables:
        for model in arguments.models:
            _export(model, arguments.format, known().updated(_read()))
    _write_page(_read())


def known() -> Tables:
    """Return what the page tells."""
    return read_tables(_parts()[1])


def _parts() -> tuple[str, str, str]:
    """Return the page before, between and behind the two marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    inside, _, after = rest.partition(END)
    return before, inside, after


def _export(model: str, wanted: Sequence[str] | None, told: Tables) -> None:
    formats = wanted or [name for name in installed_formats() if not told.knows(model, name)]
    if not formats:
        return
    torch_compat.prepare()
    network = from_timm(f"timm:{model}", Images())
    for name in formats:
        found = _one(network, name, FOLDER / model)
        print(model, name, found.get("error") or "passed", f"{found['seconds']} s", flush=True)
        results = _read()  # another process may have added to them
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
    before, inside, after = _parts()
    told = read_tables(inside).updated(results).markdown(MODELS, format_names())
    runs.write_atomic(PAGE, f"{before}{START}\n\n{told}\n\n{END}{after}".encode())


if __name__ == "__main__":
    main()
