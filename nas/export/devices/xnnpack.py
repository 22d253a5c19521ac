"""Phones and other CPUs: which operators of a TFLite file XNNPACK does not take.

Asked of LiteRT itself: the file is opened here with XNNPACK, which takes operators by their kind, types and shapes. The
rest runs by LiteRT's own kernels, which are slower, in particular with integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.export.flatbuffer import read_graph
from nas.export.legality import Legality, grouped
from nas.silence import silent


@dataclass(frozen=True, slots=True)
class Xnnpack:
    """LiteRT's XNNPACK delegate, as installed here."""

    formats: tuple[str, ...] = ("tflite", "tflite-int8")

    def check(self, path: Path) -> Legality:
        """Say which operators of the file at `path` run without XNNPACK."""
        graph = read_graph(path)
        with silent():
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
            nodes = interpreter._get_ops_details()  # the only way to the plan that runs
        taken = delegated(nodes)
        left = [operator for operator in graph.operators if operator.index not in taken]
        parts = sum(node["op_name"] == "DELEGATE" for node in nodes)
        return Legality(
            device="XNNPACK",
            operators=len(graph.operators),
            fallback=grouped((o.index, o.name, "runs by LiteRT's own kernels") for o in left),
            fallback_operators=len(left),
            fallback_macs_share=sum(o.macs for o in left) / graph.macs if graph.macs else 0.0,
            problems=(),
            notes=(f"its operators lie in {parts} parts",) if parts > 1 else (),
            not_run=("on a phone: the same XNNPACK may take other operators on another processor",),
            evidence="asked of LiteRT here",
        )


DEVICE = Xnnpack()


def delegated(nodes: list[dict[str, Any]]) -> set[int]:
    """Return the indices of the nodes that a delegate runs.

    Args:
        nodes: as the interpreter lists them: every node of the graph, and behind them one ``DELEGATE`` for each part
            that was taken over.
    """
    made_by = {int(t): node for node in nodes if node["op_name"] != "DELEGATE" for t in node["outputs"]}
    found: set[int] = set()
    for part in (node for node in nodes if node["op_name"] == "DELEGATE"):
        given = set(map(int, part["inputs"]))
        wanted = [int(t) for t in part["outputs"]]
        while wanted:  # backwards from what the part gives to what it is given
            tensor = wanted.pop()
            node = made_by.get(tensor)
            if node is None or node["index"] in found:
                continue
            found.add(int(node["index"]))
            wanted += [int(t) for t in node["inputs"] if int(t) not in given]
    return found
