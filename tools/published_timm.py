"""What timm publishes of its models: GMACs and millions of parameters, as printed.

Its tables (``results-imagenet.csv`` and ``benchmark-infer-*.csv`` of huggingface/pytorch-image-models, Apache-2.0) are
read from the folder ``timm`` of NAS_BENCH_DATA.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Figures:
    """One model at one resolution.

    Attributes:
        resolution: side of the image.
        gmacs: billions of multiply-adds; empty in a table that has none.
        mparams: millions of parameters.
    """

    resolution: int
    gmacs: str
    mparams: str


EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("deit_tiny_patch16_224", "1.08"): (
        "the two tables of PyTorch 2.1 leave out the products inside the attention, which ran as one fused operator; "
        "all others say 1.26"
    ),
}
"""Published GMACs, by model and figure, that ours are not, and why."""


def published(data: Path, names: Collection[str]) -> dict[str, list[Figures]]:
    """Return all that the tables in ``data/timm`` say of some models, each combination of figures once."""
    found: dict[str, set[Figures]] = {name: set() for name in names}
    for path in sorted((data / "timm").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                name = row["model"].split(".")[0]
                if name in found:
                    side = int(float(row.get("infer_img_size") or row["img_size"]))
                    found[name].add(Figures(side, _number(row.get("infer_gmacs")), _number(row["param_count"])))
    return {name: sorted(figures) for name, figures in found.items()}


def _number(text: str | None) -> str:
    return f"{float(text):.2f}" if text else ""
