"""Write zoo/ from timm: one architecture for each name of `nas.model.zoo.PAPERS`, a block a line.

To add a published network, add its name and paper there and run: ``python -m tools.write_zoo``.
"""

from __future__ import annotations

import json

from nas.model.from_timm import architecture_from_timm
from nas.model.zoo import FOLDER, PAPERS
from nas.resources import shipped_dir
from nas.space.architecture import Architecture


def text(architecture: Architecture) -> str:
    """Return the architecture as JSON with a block a line."""
    data = architecture.to_dict()
    stages = ",\n".join("  [\n" + ",\n".join(f"   {json.dumps(b)}" for b in s) + "\n  ]" for s in data.pop("stages"))
    head = json.dumps(data.pop("head"))
    first = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in data.items())
    return f'{{\n{first},\n "stages": [\n{stages}\n ],\n "head": {head}\n}}\n'


if __name__ == "__main__":
    for name in PAPERS:
        path = shipped_dir(FOLDER) / f"{name}.json"
        path.write_text(text(architecture_from_timm(name)), encoding="utf-8")
        print(path)
