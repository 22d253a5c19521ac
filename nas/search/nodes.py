"""What the nodes of a Ray cluster have, and whether a search can use them. Knows nothing of Ray itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas import __version__
from nas.errors import UserError


@dataclass(frozen=True, slots=True)
class Node:
    """A node that has room for a worker.

    Attributes:
        name: its address.
        problem: why it cannot run this program; None if it can.
        sees: whether the path that was asked about exists there.
    """

    name: str
    problem: str | None
    sees: bool


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


def all_see(nodes: Sequence[Node], path: Path | None, storage: str | None) -> bool:
    """Whether every node sees the data by itself; where one does not, there has to be a place that all see.

    Args:
        nodes: what was asked about `path`.
        path: the data; None where nothing has to be seen.
        storage: folder or bucket URI for them.

    Raises:
        UserError: if there is no such place.
    """
    blind = [node.name for node in nodes if not node.sees]
    if path is None or not blind:
        return True
    if storage is None:
        raise UserError(
            f"data {path}: not seen by Ray node {', '.join(blind[:3])}{' and others' if len(blind) > 3 else ''}; "
            "give --storage-path, a folder that every node sees or a bucket (s3://bucket/folder), or have the data "
            "at the same path on every node"
        )
    return False
