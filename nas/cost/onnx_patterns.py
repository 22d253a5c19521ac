"""What exporters take apart, put together again: SiLU, ReLU6 and the hard activations as single operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a graph: its ONNX type, what it reads and gives, its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


Scalar = Callable[[str], float | None]


def collapse(nodes: Sequence[Node], scalar: Scalar) -> list[Node]:
    """Return the nodes with known groups of them joined, in order.

    Args:
        nodes: in the order of the graph.
        scalar: the value of a constant of one element, by name; None for others.
    """
    makers = {output: node for node in nodes for output in node.outputs}
    readers = Counter(name for node in nodes for name in node.inputs)
    gone: set[str] = set()
    made: dict[str, Node] = {}
    for node in nodes:
        joined = _joined(node, makers, readers, scalar)
        if joined is not None:
            made[node.outputs[0]] = joined[0]
            gone.update(output for inner in joined[1] for output in inner.outputs)
    return [made.get(node.outputs[0], node) for node in nodes if node.outputs[0] not in gone]


def _joined(
    node: Node, makers: dict[str, Node], readers: Counter[str], scalar: Scalar
) -> tuple[Node, tuple[Node, ...]] | None:
    """Return what `node` ends, and the nodes inside it; None where it ends nothing known."""
    if node.kind == "Clip":
        low, high = (scalar(name) for name in (*node.inputs[1:], "", "")[:2])
        return (replace(node, kind="Relu6", inputs=node.inputs[:1]), ()) if (low, high) == (0.0, 6.0) else None
    if node.kind == "Mul":
        for gate_name, value in (node.inputs, node.inputs[::-1]):
            gate = makers.get(gate_name)
            if gate is None or readers[gate_name] != 1 or gate.inputs[0] != value:
                continue
            if gate.kind in ("Sigmoid", "HardSigmoid"):
                kind = "Silu" if gate.kind == "Sigmoid" else "HardSwish"
                return replace(node, kind=kind, inputs=(value,)), (gate,)
    return None
