"""Kernels of a network traced in parts are those of the network traced whole."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from nas.cost.cost import architecture_parts, trace_part
from nas.cost.kernels import Kernel, fuse, fuse_part
from nas.cost.rules import FOLDER, IMAGE_LAYOUT, load_rules
from nas.cost.trace import trace_module
from nas.model.folding import folded
from nas.model.network import build
from nas.resources import shipped_names
from nas.space.architecture import Architecture
from nas.space.document import space_names
from nas.space.space import load_space


def kernels_in_parts(architecture: Architecture, engine: str) -> list[Kernel]:
    rules, layout, found = load_rules(engine), IMAGE_LAYOUT, []
    for key in architecture_parts(architecture):
        kernels, layout = fuse_part(trace_part(*key), rules, layout)
        found.extend(kernels)
    return found


@pytest.mark.parametrize("space", space_names())
@pytest.mark.parametrize("engine", shipped_names(FOLDER))
def test_parts_give_the_kernels_of_the_whole(engine: str, space: str) -> None:
    architecture = load_space(space).sample(random.Random(0))
    shape = (3, architecture.resolution, architecture.resolution)
    whole = fuse(trace_module(folded(build(architecture)), shape), load_rules(engine))
    assert Counter(k.label for k in kernels_in_parts(architecture, engine)) == Counter(k.label for k in whole)
    assert sum(k.read_elements for k in kernels_in_parts(architecture, engine)) == sum(k.read_elements for k in whole)
