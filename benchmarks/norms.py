"""Whether networks learn as well with layer norm as with batch norm: the same networks with either, trained alone.

    nas search --target host-cpu --space benchmarks/narrow.yaml --name narrow --finalists 1 --evaluations 12
    nas supernet eval runs/narrow --networks 24 --epochs 5      # chooses the networks, and trains them with batch norm
    python -m benchmarks.norms runs/narrow                      # trains their twins; goes on where it stopped

Accuracies are on the search split.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.ranking import evaluated, printed
from nas import runs, schema, torch_compat
from nas.data import load_data
from nas.errors import UserError
from nas.search.config import read_config
from nas.search.ranking import AloneTrainings
from nas.space.architecture import Architecture
from nas.training.recipe import Recipe

torch_compat.prepare()

NORMED = ("mbconv", "depthwise_separable", "fused_mbconv")


def with_layer_norm(document: Mapping[str, Any]) -> Architecture:
    """Return an architecture of `benchmarks/narrow.yaml` with layer norm in the place of batch norm.

    Raises:
        UserError: if something of it keeps its batch norm.
    """
    kinds = {block["kind"] for stage in document["stages"] for block in stage}
    if not kinds <= set(NORMED) or document["head"]["kind"] != "pool":
        found = ", ".join(sorted(kinds))
        raise UserError(
            f"compared are networks of {', '.join(NORMED)} and a pool head, got {found}, {document['head']['kind']}"
        )
    stages = [[{**block, "norm": "layer"} for block in stage] for stage in document["stages"]]
    return Architecture.from_dict({**document, "stem": {**document["stem"], "norm": "layer"}, "stages": stages})


def compare(run: Path) -> str:
    """Train the twins as `nas supernet eval` trained the networks, and write a table in Markdown."""
    found, config = evaluated(run), read_config(run / runs.CONFIG)
    resolution = max(network["architecture"]["resolution"] for network in found["networks"])
    data = load_data(config.data, resolution=resolution, seed=config.seed, root=config.root)
    recipe = schema.read(Recipe, found["alone"], source=str(run))
    trainings = AloneTrainings(data, recipe, run / "norms.jsonl", torch.device("cpu"))
    batch, layer = list[float](), list[float]()
    for network in found["networks"]:
        twin = with_layer_norm(network["architecture"])
        layer.append(statistics.fmean(trainings.score(twin, seed).accuracy for seed in range(found["seeds"])))
        batch.append(statistics.fmean(network["alone"]))
        print(f"{network['digest']}  batch {batch[-1]:.3f}  layer {layer[-1]:.3f}", file=sys.stderr, flush=True)
    if len(batch) < 2:
        raise UserError(f"{run}: {len(batch)} network was trained alone; at least two are needed to compare")
    apart = [100 * (b - a) for a, b in zip(batch, layer, strict=True)]
    rows = [f"| {name} | {_spread(values)} |" for name, values in (("batch", batch), ("layer", layer))]
    ahead = sum(a > 0 for a in apart)
    return "\n".join(
        [
            "| norm | accuracy alone, lowest / mean / highest, % |",
            "|---|--:|",
            *rows,
            f"\nlayer norm: {statistics.fmean(apart):+.1f} points in the mean (standard error "
            f"{statistics.stdev(apart) / len(apart) ** 0.5:.1f}), ahead for {ahead} of {len(apart)} networks",
        ]
    )


def _spread(values: list[float]) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in (min(values), statistics.fmean(values), max(values)))


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    return printed(lambda: compare(options.run))


if __name__ == "__main__":
    sys.exit(main())
