"""What bfloat16 and torch.compile save of a training step, as ratios to float32 as it comes.

    python -m benchmarks.train_step

A network of `tiny-hybrid` in the middle of its MACs, 64 images, one thread; all take turns, and medians are compared.
Compiling is counted apart: every network of a search would be compiled anew.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from nas import torch_compat

torch_compat.prepare()

SPACE, BATCH = "tiny-hybrid", 64


def step(network: nn.Module, context: Callable[[], AbstractContextManager[object]]) -> Callable[[], None]:
    """Return one forward and backward pass with an optimizer step."""
    images = torch.randn(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % 10
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with context():
            loss = nn.functional.cross_entropy(network(images).float(), labels)
        loss.backward()
        optimizer.step()

    return run


def main() -> int:
    """Print a table."""
    from nas.model.network import build
    from nas.search.ranking import spread
    from nas.space.space import load_space

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    middle = spread(load_space(SPACE).for_classes(10), 9, seed=0)[4]

    def bfloat16() -> AbstractContextManager[object]:
        return torch.autocast("cpu", dtype=torch.bfloat16)

    ways = {
        "float32": step(build(middle, seed=0).train(), nullcontext),
        "bfloat16 (autocast)": step(build(middle, seed=0).train(), bfloat16),
        "torch.compile": step(torch.compile(build(middle, seed=0).train()), nullcontext),  # type: ignore[arg-type]
        "both": step(torch.compile(build(middle, seed=0).train()), bfloat16),  # type: ignore[arg-type]
    }
    first: dict[str, float] = {}
    for name, run in ways.items():
        start = time.perf_counter()
        run()
        first[name] = time.perf_counter() - start
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    plain = statistics.median(times["float32"])
    print("| step | processor ms | ratio | first step, s |\n|---|--:|--:|--:|")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"| {name} | {1000 * median:.0f} | {median / plain:.2f} | {first[name]:.1f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
