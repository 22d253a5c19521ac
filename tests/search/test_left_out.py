"""What goes wrong with one finalist: it is left out, or keeps the weights that it began with."""

import pytest
import torch

from nas.search.finalists import _Start, ends_one_network
from nas.training.loop import DivergedError


@pytest.mark.parametrize(
    ("error", "its_own"),
    [
        (DivergedError("loss is nan at step 3 of 9"), True),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: 9 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_only_divergence_and_lack_of_memory_are_a_networks_own(error: Exception, its_own: bool) -> None:
    assert ends_one_network(error) is its_own


@pytest.mark.parametrize(
    ("lost", "won", "harm"), [(0, 0, False), (4, 2, False), (5, 0, True), (20, 10, False), (20, 6, True), (0, 9, False)]
)
def test_a_training_does_harm_where_it_loses_more_images_than_by_chance(lost: int, won: int, harm: bool) -> None:
    before = (*[True] * lost, *[False] * won, *[True] * 50)
    after = (*[False] * lost, *[True] * won, *[True] * 50)
    assert _Start({}, before).is_better_than(after) is harm
