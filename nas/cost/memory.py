"""Peak activation memory: which values are alive at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """One operation as memory sees it.

    Attributes:
        output: number of the value it makes.
        size: elements it allocates; 0 for a view.
        inputs: numbers of the values it reads.
        alias: whether the output is a view of the first input.
        in_place: whether the output may be written over the first input.
    """

    output: int
    size: int
    inputs: tuple[int, ...]
    alias: bool
    in_place: bool


def peak_elements(uses: Sequence[Use], image_elements: int = 0) -> int:
    """Return the most elements alive at once, running the operations in order.

    A value lives from the operation that makes it to the last that reads it. An element-wise result is written over
    its input where nothing later reads that input, as engines do.

    Args:
        uses: the operations in order.
        image_elements: size of the network's input, value number 0.
    """
    owner, last_use = _ownership(uses)
    live: dict[int, int] = {0: image_elements}
    peak = image_elements
    for step, use in enumerate(uses):
        home = owner[use.output]
        live[home] = max(live.get(home, 0), use.size)
        peak = max(peak, sum(live.values()))
        for value in {*use.inputs, use.output}:
            place = owner.get(value, value)
            if last_use.get(place, -1) <= step and step < len(uses) - 1:
                live.pop(place, None)
    return peak


def _ownership(uses: Sequence[Use]) -> tuple[dict[int, int], dict[int, int]]:
    """Return the allocation each value lives in, and the last step that reads each allocation."""
    last_read: dict[int, int] = {}
    for step, use in enumerate(uses):
        for value in use.inputs:
            last_read[value] = step
    owner: dict[int, int] = {0: 0}
    last_use: dict[int, int] = {0: last_read.get(0, -1)}
    for step, use in enumerate(uses):
        first = owner.get(use.inputs[0]) if use.inputs else None
        reuses = first is not None and (use.alias or (use.in_place and last_use.get(first, -1) <= step))
        owner[use.output] = first if reuses and first is not None else use.output
        home = owner[use.output]
        last_use[home] = max(last_use.get(home, -1), last_read.get(use.output, step))
    return owner, last_use
