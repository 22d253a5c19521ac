"""What the nodes of a Ray cluster have: asked once, before candidates are sent there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas import __version__
from nas.errors import UserError

_ANSWER_SECONDS = 60  # the first process on a node takes seconds to start


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can evaluate.

    Attributes:
        name: its address.
        problem: why it cannot run this program; None if it can.
        sees: whether the path that was asked about exists there.
    """

    name: str
    problem: str | None
    sees: bool


def look(path: Path | None, cpus: int) -> list[Node]:
    """Ask every node with enough CPUs whether it has this program, and sees `path`.

    Raises:
        UserError: if a node does not answer.
    """
    alive = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU", 0) >= cpus]
    task = ray.remote(num_cpus=0, max_retries=0)(_question())
    asked = [
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(n["NodeID"], soft=False)).remote(
            None if path is None else str(path)
        )
        for n in alive
    ]
    return [_node(n["NodeManagerAddress"], ref) for n, ref in zip(alive, asked, strict=True)]


def require_program(nodes: Sequence[Node]) -> None:
    """Refuse nodes that cannot run this program.

    Raises:
        UserError: naming the first of them.
    """
    for node in nodes:
        if node.problem is not None:
            raise UserError(
                f"Ray node {node.name} {node.problem}; install nas {__version__} in the Python that Ray runs there"
            )


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
