"""How a search scales over the nodes of a Ray cluster: python -m benchmarks.scaling [--nodes 1,2,4] [--seconds 1].

All nodes are Ray nodes of one CPU each on this machine, beside a head that evaluates nothing; a candidate costs a fixed
sleep, as if it were trained elsewhere. The clock runs from the first result to the last, so that starting workers,
which happens once, stands apart. Efficiency is the rate per node over the ideal one of a node that only sleeps.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Sleeping:
    """Evaluates by sleeping: the accuracy is that of the MACs alone."""

    seconds: float

    def build(self) -> Sleeping:
        """Return itself."""
        return self

    def packed(self) -> Sleeping:
        """Return itself."""
        return self

    def evaluate(self, architecture: dict) -> float:  # noqa: ARG002
        """Sleep."""
        time.sleep(self.seconds)
        return 0.5


@contextmanager
def ray_nodes(count: int):
    """Start a cluster of a head without CPUs and `count` nodes of one CPU each."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
    from nas.search.ray_executor import prepare_environment

    prepare_environment("auto")
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        for _ in range(count):
            cluster.add_node(num_cpus=1, **small)
        yield cluster
    finally:
        cluster.shutdown()


def measure(nodes: int, seconds: float, evaluations: int) -> tuple[float, float, float]:
    """Return seconds to the first result, seconds from there to the last, and CPU seconds of the driver in between."""
    from nas.search.config import Workers
    from nas.search.explore import proposal_lag
    from nas.search.objective import Constraints
    from nas.search.ray_executor import RayExecutor
    from nas.search.study import Study
    from nas.search.target import load_target, search_field
    from nas.space.space import load_space

    target = load_target("jetson-orin")
    where = search_field(load_space("tiny-hybrid").for_classes(10), target)
    told: list[tuple[float, float]] = []
    with ray_nodes(nodes) as cluster:
        lag = proposal_lag(Workers(cluster.address, nodes))
        study = Study(where.restriction.space, Constraints(latency_ms=1.0), target.metrics, lag=lag)
        start = time.perf_counter()
        RayExecutor(cluster.address, workers=nodes).run(
            study,
            Sleeping(seconds),
            evaluations,
            lambda _: told.append((time.perf_counter(), time.process_time())),
            lambda: False,
        )
    (first, cpu_first), (last, cpu_last) = told[0], told[-1]
    return first - start, last - first, cpu_last - cpu_first


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", default="1,2,4")
    parser.add_argument("--seconds", type=float, default=1.0, help="that a candidate takes")
    parser.add_argument("--evaluations", type=int, default=60)
    chosen = parser.parse_args()
    print(f"{chosen.evaluations} candidates of {chosen.seconds:g} s")
    print("| nodes | to the first result s | rest s | ideal s | efficiency | driver CPU ms a candidate |")
    print("|---|---|---|---|---|---|")
    for nodes in map(int, chosen.nodes.split(",")):
        first_s, rest_s, cpu_s = measure(nodes, chosen.seconds, chosen.evaluations)
        count = chosen.evaluations - 1
        ideal_s = count * chosen.seconds / nodes
        print(
            f"| {nodes} | {first_s:.1f} | {rest_s:.1f} | {ideal_s:.1f} | {ideal_s / rest_s:.2f} "
            f"| {1000 * cpu_s / count:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
