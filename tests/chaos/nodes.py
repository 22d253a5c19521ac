"""A search on a cluster of nodes of which one is killed: python -m tests.chaos.nodes [NODES]; prints what came of it.

The nodes are Ray nodes on this machine. Each evaluation notes its node and its candidate, so that every candidate can
be accounted for, also those whose node was lost under them.
"""

# ruff: noqa: T201 - this is a command

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "search")]

import toy  # noqa: E402

from benchmarks.scaling import ray_nodes  # noqa: E402
from nas.runs import RunDirectory  # noqa: E402
from nas.search.objective import Constraints  # noqa: E402
from nas.search.ray_executor import RayExecutor  # noqa: E402
from nas.search.study import Study  # noqa: E402

EVALUATIONS = 24
LOST_AFTER = 6


class Noting:
    def __init__(self, notes: str) -> None:
        self.notes = notes

    def build(self) -> Noting:
        return self

    def packed(self) -> Noting:
        return self

    def evaluate(self, architecture: dict) -> float:
        import ray

        digest = toy.ToyArchitecture(tuple(tuple(layer) for layer in architecture["layers"])).digest
        with Path(self.notes).open("a") as file:
            file.write(f"{ray.get_runtime_context().get_node_id()} {digest}\n")
        time.sleep(1)
        return toy.accuracy(architecture)


def main(nodes: int) -> dict:
    with (
        tempfile.TemporaryDirectory() as folder,
        ray_nodes(nodes) as cluster,
        RunDirectory.create(Path(folder), "run") as run,
    ):
        notes = run.file("evaluated.txt")
        study = Study(toy.ToySpace(), Constraints(latency_ms=0.9), toy.cost, run_dir=run, lag=2 * nodes)
        killed: list[str] = []

        def told(_candidate: object) -> None:
            if study.counts.evaluated == LOST_AFTER:
                node = next(
                    n for n in cluster.worker_nodes if n.node_id == notes.read_text().splitlines()[-1].split()[0]
                )
                killed.append(node.node_id)
                cluster.remove_node(node, allow_graceful=False)

        start = time.perf_counter()
        outcome = RayExecutor(cluster.address, workers=nodes).run(
            study, Noting(str(notes)), EVALUATIONS, told, lambda: False
        )
        begun = [line.split() for line in notes.read_text().splitlines()]
        told_digests = [c.digest for c in study.candidates if c.state in ("complete", "failed")]
        again = {digest for _, digest in begun if [d for _, d in begun].count(digest) > 1}
        return {
            "outcome": outcome,
            "seconds": round(time.perf_counter() - start, 1),
            "evaluated": study.counts.evaluated,
            "failed": study.counts.failed,
            "pending": study.pending,
            "twice_on_record": len(told_digests) - len(set(told_digests)),
            "begun_and_not_told": len({digest for _, digest in begun} - set(told_digests)),
            "begun_again": len(again),
            "of_them_on_the_lost_node": sum(any(n == killed[0] for n, d in begun if d == digest) for digest in again),
            "nodes_used": len({node for node, _ in begun}),
        }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)))
