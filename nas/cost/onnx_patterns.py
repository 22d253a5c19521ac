"""What exporters take apart, put together again: activations, biases, attention and pooling as single operations."""

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


@dataclass(frozen=True, slots=True)
class Values:
    """What is known of the values of a graph, by name.

    Attributes:
        scalar: the number that a constant of one element holds; None for others.
        integers: what a constant of whole numbers holds; nothing for others.
        weight: the shape of a constant; None for others.
        shape: of any value; empty if it is not known.
    """

    scalar: Callable[[str], float | None]
    integers: Callable[[str], tuple[int, ...]]
    weight: Callable[[str], tuple[int, ...] | None]
    shape: Callable[[str], tuple[int, ...]]


Joined = tuple[Node, tuple[Node, ...]]
"""What a node ends, and the nodes inside it."""


def collapse(nodes: Sequence[Node], values: Values) -> list[Node]:
    """Return the nodes with known groups of them joined, in order.

    Args:
        nodes: in the order of the graph.
        values: what is known of what they read and give.
    """
    graph = _Graph(nodes, values)
    gone: set[str] = set()
    made: dict[str, Node] = {}
    for node in nodes:
        joined = next(filter(None, (pattern(node, graph) for pattern in _PATTERNS)), None)
        if joined is not None:
            made[node.outputs[0]] = joined[0]
            gone.update(output for inner in joined[1] for output in inner.outputs)
    return [made.get(node.outputs[0], node) for node in nodes if node.outputs[0] not in gone]


class _Graph:
    """Who makes a value, and whether nobody else reads it."""

    def __init__(self, nodes: Sequence[Node], values: Values) -> None:
        self.values = values
        self._makers = {output: node for node in nodes for output in node.outputs}
        self._readers = Counter(name for node in nodes for name in node.inputs)

    def inner(self, name: str, *kinds: str) -> Node | None:
        """Return the node of one of `kinds` that makes a value which one node reads; None if there is no such."""
        node = self._makers.get(name)
        return node if node is not None and node.kind in kinds and self._readers[name] == 1 else None


def _relu6(node: Node, graph: _Graph) -> Joined | None:
    if node.kind != "Clip":
        return None
    low, high = (graph.values.scalar(name) for name in (*node.inputs[1:], "", "")[:2])
    return (replace(node, kind="Relu6", inputs=node.inputs[:1]), ()) if (low, high) == (0.0, 6.0) else None


def _gated(node: Node, graph: _Graph) -> Joined | None:
    if node.kind != "Mul":
        return None
    for gate_name, value in (node.inputs, node.inputs[::-1]):
        gate = graph.inner(gate_name, "Sigmoid", "HardSigmoid")
        if gate is not None and gate.inputs[0] == value:
            kind = "Silu" if gate.kind == "Sigmoid" else "HardSwish"
            return replace(node, kind=kind, inputs=(value,)), (gate,)
    return None


def _with_bias(node: Node, graph: _Graph) -> Joined | None:
    """Join a product with the sum of its bias, which exporters write apart where there are several rows."""
    if node.kind != "Add":
        return None
    for product_name, bias in (node.inputs, node.inputs[::-1]):
        product = graph.inner(product_name, "MatMul")
        shape = graph.values.weight(bias)
        if product is None or shape is None or len(shape) != 1:
            continue
        if any(graph.values.weight(name) is not None for name in product.inputs):
            return replace(product, inputs=(*product.inputs, bias), outputs=node.outputs), (product,)
    return None


def _adaptive_pool(node: Node, graph: _Graph) -> Joined | None:
    """Tell the mean that torch's exporter makes of adaptive pooling by its axes: a network's own counts from 0."""
    if node.kind != "ReduceMean" or [graph.values.integers(axes) for axes in node.inputs[1:]] != [(-1, -2)]:
        return None
    return replace(node, kind="GlobalAveragePool", inputs=node.inputs[:1]), ()


def _attention(node: Node, graph: _Graph) -> Joined | None:
    """Join what exporters make of fused attention: both factors scaled by the same number, two products."""
    softmax = graph.inner(node.inputs[0], "Softmax") if node.kind == "MatMul" else None
    scores = graph.inner(softmax.inputs[0], "MatMul") if softmax is not None else None
    if softmax is None or scores is None:
        return None
    scaled = [graph.inner(name, "Mul") for name in scores.inputs]
    query, keys = scaled
    if query is None or keys is None or graph.values.scalar(query.inputs[1]) is None:
        return None
    if graph.values.scalar(query.inputs[1]) != graph.values.scalar(keys.inputs[1]):
        return None
    inner, key = [softmax, scores, query, keys], keys.inputs[0]
    wanted = graph.values.shape(key)
    wanted = (*wanted[:-2], *wanted[:-3:-1])
    while graph.values.shape(key) != wanted:  # back over the transpose, with views around it
        turned = graph.inner(key, "Transpose", "Reshape")
        if turned is None:
            return None
        inner.append(turned)
        key = turned.inputs[0]
    inputs = (query.inputs[0], key, node.inputs[1])
    return replace(node, kind="Attention", inputs=inputs), tuple(inner)


_PATTERNS = (_relu6, _gated, _with_bias, _adaptive_pool, _attention)
