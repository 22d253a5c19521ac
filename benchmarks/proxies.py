"""How far can a proxy be trusted? Spearman's correlation with the accuracy after training, on NAS-Bench-201.

    NAS_BENCH_DATA=/path/to/data python -m benchmarks.proxies --images

The cells are drawn at random among those that join their input to their output, and built by `tools.cells201`. The
batch is sixteen images of noise, the same for every cell, or (`--images`) the first CIFAR-10 images of the data
folder. The members of the rank average are chosen on the first half of the cells; the second half is reported.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.table201 import Ops, folder, read_table
from nas.errors import UserError
from nas.search.proxies import PROXIES, ProxyBatch, rank_average
from nas.search.proxies.average import MEMBERS
from tools.cells201 import CellNetwork

COLUMNS = ("acc200_cifar10_test", "acc200_cifar100_test")
BATCH = 16


def batch(real: bool) -> ProxyBatch:
    """Return sixteen images with labels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(BATCH) % 10
    if not real:
        return ProxyBatch(torch.randn(BATCH, 3, 32, 32, generator=generator), labels)
    from PIL import Image

    with np.load(folder() / "cifar10_jpeg_pack.npz") as pack:
        data, ends = pack["train_jpeg"], pack["train_off"]
        pictures = [Image.open(io.BytesIO(data[ends[i] : ends[i + 1]].tobytes())).convert("RGB") for i in range(BATCH)]
        labels = torch.tensor(pack["y_train"][:BATCH], dtype=torch.long)
    pixels = torch.tensor(np.array([np.asarray(p) for p in pictures]), dtype=torch.float32).permute(0, 3, 1, 2)
    return ProxyBatch((pixels - pixels.mean((0, 2, 3), keepdim=True)) / pixels.std((0, 2, 3), keepdim=True), labels)


def scored(cells: Sequence[Ops], shown: ProxyBatch) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the scores of every cell by every proxy, and the seconds that each proxy took."""
    scores: dict[str, list[float]] = {name: [] for name in PROXIES}
    seconds = dict.fromkeys(PROXIES, 0.0)
    for ops in cells:
        for name, proxy in PROXIES.items():
            torch.manual_seed(0)
            network = CellNetwork(ops)
            start = time.process_time()
            scores[name].append(proxy(network, shown))
            seconds[name] += time.process_time() - start
    return scores, seconds


def correlation(scores: Sequence[float], accuracies: Sequence[float]) -> float:
    """Return Spearman's rank correlation; what is minus infinity ranks last."""
    return float(spearmanr(np.maximum(np.asarray(scores, dtype=float), -1e300), accuracies).statistic)


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=640, help="half of them choose, half report (default 640)")
    parser.add_argument("--images", action="store_true", help="show CIFAR-10 images instead of noise")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        table = read_table()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    cells = sorted(ops for ops, row in table.rows.items() if row["connected"])
    random.Random(0).shuffle(cells)
    cells = cells[: options.cells]
    half = len(cells) // 2
    scores, seconds = scored(cells, batch(options.images))
    accuracies = {column: [table.rows[ops][column] for ops in cells] for column in COLUMNS}
    first = {name: values[:half] for name, values in scores.items()}
    groups = [g for n in (2, 3) for g in itertools.combinations(PROXIES, n)]

    def worth(group: Sequence[str]) -> float:
        ranks = list(rank_average(first, group))
        return sum(correlation(ranks, values[:half]) for values in accuracies.values())

    groups.sort(key=worth, reverse=True)
    print("best averages on the first half: " + "; ".join("+".join(g) for g in groups[:5]))
    second = {name: values[half:] for name, values in scores.items()}
    rows = dict(second)
    for label, members in (("chosen on the first half", groups[0]), ("default", MEMBERS)):
        rows[f"rank average, {label}: {', '.join(members)}"] = list(rank_average(second, members))
    print(f"\n{len(cells) - half} random connected cells, Spearman with the test accuracy after 200 epochs")
    print("| proxy | CIFAR-10 | CIFAR-100 | ms per network |\n|---|---|---|---|")
    for name, values in rows.items():
        found = [f"{correlation(values, accuracies[column][half:]):.3f}" for column in COLUMNS]
        took = f"{1000 * seconds[name] / len(cells):.0f}" if name in seconds else ""
        print(f"| {name} | {' | '.join(found)} | {took} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
