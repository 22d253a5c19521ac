"""What goes wrong with one finalist is its own end, not the search's."""

import pytest
import torch

from nas.search.finalists import ends_one_network
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
