"""YAML text into plain data, whatever the text: nothing is run, and what is small on disk stays small in memory.

Aliases may make a few lines stand for billions of values, and refer to themselves; both are refused before anything is
built from them.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_BYTES = 8 * 2**20
MAX_VALUES = 1_000_000

_BROKEN = (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError)  # all that PyYAML raises


def parse(text: str) -> Any:
    """Return the plain data of one YAML document.

    Raises:
        ValueError: if it is no YAML, too large, nested too deeply, or its aliases go in circles.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"{len(text):,} characters, at most {MAX_BYTES:,} are read")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _count(node, {}, set()) > MAX_VALUES:
            raise ValueError(f"its aliases stand for more than {MAX_VALUES:,} values")
        return loader.construct_document(node)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except _BROKEN as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def _count(node: yaml.Node, known: dict[int, int], open_nodes: set[int]) -> int:
    """Return how many values a node stands for, every alias counted as often as it is used."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in open_nodes:
        raise ValueError("an alias refers to what it is part of")
    if id(node) not in known:
        open_nodes.add(id(node))
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_count(part, known, open_nodes) for part in parts)
        open_nodes.discard(id(node))
    return known[id(node)]
