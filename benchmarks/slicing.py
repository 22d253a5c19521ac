"""What running a subnet on slices of shared weights costs, beside its extracted module in the same run.

Run: ``python -m benchmarks.slicing`` (``--space``, ``--batch``, ``--repeats``, ``--random``). Times are this process's
own, taken in turns, so that a busy machine counts as little as possible; the ratio is that of the medians. "New each
time" runs another random architecture in every repeat, never run before, as supernet training does.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nas import torch_compat
from nas.model.supernet import Supernet
from nas.space.architecture import Architecture
from nas.space.space import load_space


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="tiny-hybrid", metavar="NAME", help="search space")
    parser.add_argument("--batch", type=int, default=128, metavar="N", help="images at once")
    parser.add_argument("--repeats", type=int, default=9, metavar="N", help="times that each is run")
    parser.add_argument("--random", type=int, default=3, metavar="N", help="random architectures beside the extremes")
    arguments = parser.parse_args()
    torch_compat.prepare()
    torch.set_num_threads(1)
    space, rng = load_space(arguments.space).for_classes(10), random.Random(0)
    supernet = Supernet(space).train()
    cases = {"largest": [space.largest()], "smallest": [space.smallest()]}
    cases |= {f"random {i + 1}": [space.sample(rng)] for i in range(arguments.random)}
    cases["new each time"] = [space.sample(rng) for _ in range(arguments.repeats)]
    print(
        f"{arguments.space}, batch {arguments.batch}, one thread, median of {arguments.repeats}; ms: sliced / extracted"
    )
    print("| architecture | forward | ratio | forward and backward | ratio |")
    print("|---|---|---|---|---|")
    for name, architectures in cases.items():
        pairs = [measure(supernet, architectures, arguments, backward=b) for b in (False, True)]
        cells = [f"{s * 1e3:.0f} / {e * 1e3:.0f} | {s / e:.2f}" for s, e in pairs]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def measure(
    supernet: Supernet, architectures: Sequence[Architecture], arguments: argparse.Namespace, *, backward: bool
) -> tuple[float, float]:
    """Return the median seconds of the sliced and the extracted networks, measured in turns."""
    side = max(supernet.space.resolutions)
    images = torch.randn(arguments.batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    sliced: list[float] = []
    extracted: list[float] = []
    for i in range(-1, arguments.repeats):
        architecture = architectures[i % len(architectures)]
        network = supernet.extract(architecture)
        pair = (
            seconds(lambda x, a=architecture: supernet(a, x), supernet, images, backward=backward),
            seconds(network, network, images, backward=backward),
        )
        if i >= 0:  # the first is to warm up
            sliced.append(pair[0])
            extracted.append(pair[1])
    return statistics.median(sliced), statistics.median(extracted)


def seconds(run: Callable[[Tensor], Tensor], module: nn.Module, images: Tensor, *, backward: bool) -> float:
    """Return the processor time of one pass."""
    start = time.process_time()
    logits = run(images)
    if backward:
        logits.sum().backward()
    spent = time.process_time() - start
    module.zero_grad(set_to_none=True)
    return spent


if __name__ == "__main__":
    main()
