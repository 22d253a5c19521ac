"""Write zoo/ from timm: one architecture for each name of `nas.model.zoo.PAPERS`, a block a line.

To add a published network, add its name and paper there and run: ``python -m tools.write_zoo``. Where NAS_BENCH_DATA
names a folder with timm's tables, the table of docs/zoo.md is written too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from nas.cost.cost import CostModel
from nas.model.from_timm import architecture_from_timm
from nas.model.zoo import FOLDER, PAPERS, zoo_architecture
from nas.resources import shipped_dir
from nas.space.architecture import Architecture
from tools.published_timm import EXCEPTIONS, published

DOCUMENT = Path(__file__).parent.parent / "docs" / "zoo.md"
BEGIN, END = "<!-- table: python -m tools.write_zoo -->\n", "<!-- end of the table -->\n"


def text(architecture: Architecture) -> str:
    """Return the architecture as JSON with a block a line."""
    data = architecture.to_dict()
    stages = ",\n".join("  [\n" + ",\n".join(f"   {json.dumps(b)}" for b in s) + "\n  ]" for s in data.pop("stages"))
    head = json.dumps(data.pop("head"))
    first = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in data.items())
    return f'{{\n{first},\n "stages": [\n{stages}\n ],\n "head": {head}\n}}\n'


def with_table(document: str, data: Path) -> str:
    """Return docs/zoo.md with its table made anew from timm's tables in the folder `data`."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + "".join(f"{line}\n" for line in _table(data)) + END + rest.split(END)[1]


def _table(data: Path) -> Iterator[str]:
    yield "| network | resolution | million MACs | timm: GMACs | parameters | timm: millions |"
    yield "|---|---|---|---|---|---|"
    costs = CostModel()
    for name, figures in published(data, PAPERS).items():
        for found in figures:
            if found.gmacs:
                cost = costs.cost(zoo_architecture(name, resolution=found.resolution))
                gmacs = found.gmacs + (" (see below)" if (name, found.gmacs) in EXCEPTIONS else "")
                sums = f"{cost.macs / 1e6:.1f} | {gmacs} | {cost.params:,} | {found.mparams}"
                yield f"| {name} | {found.resolution} | {sums} |"
    for (name, gmacs), reason in EXCEPTIONS.items():
        yield ""
        yield f"{name}, {gmacs}: {reason}."


if __name__ == "__main__":
    for name in PAPERS:
        path = shipped_dir(FOLDER) / f"{name}.json"
        path.write_text(text(architecture_from_timm(name)), encoding="utf-8")
        print(path)
    if "NAS_BENCH_DATA" in os.environ:
        known = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(known, Path(os.environ["NAS_BENCH_DATA"])), encoding="utf-8")
