"""How many threads torch should compute with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SMALL_SIDE = 64


@contextmanager
def suited_threads(resolution: int) -> Iterator[None]:
    """Compute with one thread while images are small; leave torch's choice for larger ones.

    The layers of 32x32 networks are too short for several threads: measured on two cores, two threads took 0.95 of the
    time of one with nothing else running, and five times as long beside one other busy process.
    """
    threads = torch.get_num_threads()
    if resolution <= _SMALL_SIDE:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
