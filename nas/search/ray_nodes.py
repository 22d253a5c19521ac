"""The nodes of a Ray cluster: how many workers fit on them, and what they answer when they are asked.

Run as a program it joins a cluster and tells what `look` finds, in a process that can be ended: see
`nas.search.cluster.probe`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas import __version__
from nas.errors import UserError
from nas.search.cluster import JOINED, REFUSED
from nas.search.nodes import Node

_ANSWER_SECONDS = 60  # the first process on a node takes seconds to start


@dataclass(frozen=True, slots=True)
class Needs:
    """What one worker takes.

    Attributes:
        cpus: whole CPUs.
        gpus: whole GPUs, or a share of one.
    """

    cpus: int
    gpus: float

    def fit(self, resources: Mapping[str, float]) -> int:
        """Return how many workers fit on a node with these resources; none is spread over two."""
        count = int(resources.get("CPU", 0.0)) // self.cpus
        if self.gpus == 0:
            return count
        there = int(resources.get("GPU", 0.0))
        by_gpu = there * int(1 / self.gpus + 1e-9) if self.gpus < 1 else there // int(self.gpus)
        return min(count, by_gpu)


def room(needs: Needs) -> int:
    """Return how many workers fit on the nodes that are there.

    Raises:
        UserError: if none does.
    """
    count = sum(needs.fit(node["Resources"]) for node in ray.nodes() if node["Alive"])
    if count < 1:
        there = ray.cluster_resources()
        cpus, gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
        wanted = f"{needs.cpus} CPUs and {needs.gpus:g} GPUs"
        raise UserError(
            f"no worker fits: each needs {wanted} on one node, and Ray has {cpus:g} and {gpus:g} on all nodes together"
        )
    return count


def look(path: Path | None, needs: Needs) -> list[Node]:
    """Ask every node with room for a worker whether it has this program, and sees `path`.

    Raises:
        UserError: if no worker fits, or a node does not answer.
    """
    room(needs)
    able = [node for node in ray.nodes() if node["Alive"] and needs.fit(node["Resources"])]
    task = ray.remote(num_cpus=0, max_retries=0)(_question())
    asked = [
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            None if path is None else str(path)
        )
        for node in able
    ]
    return [_node(node["NodeManagerAddress"], ref) for node, ref in zip(able, asked, strict=True)]


def _question() -> Callable[[str | None], tuple[str | None, bool]]:
    # Made here so that it travels by value: a node without this program has to be able to say so.
    def facts(path: str | None) -> tuple[str | None, bool]:
        import os

        try:
            import nas
        except Exception as error:
            return f"has no nas ({type(error).__name__}: {error})", False
        sees = path is None or os.path.exists(path)  # noqa: PTH110 - nothing of ours is imported here
        return nas.__version__, sees

    return facts


def _node(name: str, answer: Any) -> Node:
    try:
        version, sees = ray.get(answer, timeout=_ANSWER_SECONDS)
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"Ray node {name} does not answer within {_ANSWER_SECONDS} s ({reason})") from None
    if version != __version__:
        problem = version if version.startswith("has no") else f"has nas {version}, this machine {__version__}"
        return Node(name, problem, sees)
    return Node(name, None, sees)


def main(address: str, cpus: str, gpus: str, path: str) -> None:
    """Join a cluster, look at its nodes, and print what `nas.search.cluster.probe` reads; no path is the empty text."""
    out = sys.stdout
    ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    out.write(f"{JOINED}\n")
    out.flush()
    try:
        found = look(Path(path) if path else None, Needs(int(cpus), float(gpus)))
        out.write(f"{JOINED}{json.dumps([asdict(node) for node in found])}\n")
    except UserError as error:
        out.write(f"{REFUSED}{error}\n")
    out.flush()
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
