"""How quickly architectures are costed, on one core, beside fvcore in the same run.

Run: ``python -m benchmarks.cost`` (``--count`` architectures a space, ``--fvcore`` of them also by fvcore; ``--space``
for some spaces only). Times are this process's own, so that a busy machine does not count, and warm: every part has
been seen. "First" is the rate of the first architectures, when no part has been.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

import torch
from fvcore.nn import FlopCountAnalysis

from nas.cost.cost import CostModel, trace_cost
from nas.cost.trace import trace_module
from nas.hardware.predictor import LatencyPredictor
from nas.hardware.profile import load_profile
from nas.model.network import build
from nas.space.architecture import Architecture
from nas.space.document import space_names
from nas.space.space import load_space

COLD = 50
REPEATS = 5


def main() -> None:
    """Measure every shipped space and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, metavar="N", help="architectures of each space")
    parser.add_argument("--fvcore", type=int, default=6, metavar="N", help="how many of them fvcore counts too")
    parser.add_argument("--space", action="append", metavar="NAME", help="measure this space (default: every one)")
    parser.add_argument("--target", default="jetson-orin", metavar="NAME", help="whose latencies are predicted")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread; architectures per second, best of {REPEATS}")
    print("| space | fvcore MACs | whole trace | first | cost | cost + latency | cost / fvcore |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.space or space_names():
        print(row(name, arguments.count, arguments.fvcore, arguments.target), flush=True)


def row(name: str, count: int, fvcore_count: int, target: str) -> str:
    """Measure one space and return its line of the table."""
    space, rng = load_space(name), random.Random(0)
    architectures = [space.sample(rng) for _ in range(count)]
    model, predictor = CostModel(), LatencyPredictor(load_profile(target))
    fresh = CostModel()
    first = per_second(fresh.cost, architectures[:COLD])  # nothing is remembered yet
    for architecture in architectures:
        model.cost(architecture)
        predictor.latency_ms(architecture)

    def both(architecture: Architecture) -> object:
        return model.cost(architecture), predictor.latency_ms(architecture)

    cost = max(per_second(model.cost, architectures) for _ in range(REPEATS))
    with_latency = max(per_second(both, architectures) for _ in range(REPEATS))
    some = architectures[:fvcore_count]
    traced = per_second(traced_cost, some)
    counted = per_second(fvcore_macs, some)
    cells = [f"{counted:.2f}", f"{traced:.1f}", f"{first:.0f}", f"{cost:,.0f}", f"{with_latency:,.0f}"]
    return " | ".join(["| " + name, *cells, f"{cost / counted:,.0f} x |"])


def per_second(work: Callable[[Architecture], object], architectures: Sequence[Architecture]) -> float:
    """Return how many architectures `work` does in a second."""
    start = time.process_time()
    for architecture in architectures:
        work(architecture)
    return len(architectures) / (time.process_time() - start)


def fvcore_macs(architecture: Architecture) -> int:
    """Build the network and count it with fvcore."""
    network = build(architecture).eval()
    image = torch.zeros(1, 3, architecture.resolution, architecture.resolution)
    with torch.no_grad():
        analysis = FlopCountAnalysis(network, image)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(analysis.total())


def traced_cost(architecture: Architecture) -> object:
    """Build the whole network and trace it, without remembering any part."""
    with torch.device("meta"):
        network = build(architecture)
    return trace_cost(trace_module(network, (3, architecture.resolution, architecture.resolution)))


if __name__ == "__main__":
    main()
