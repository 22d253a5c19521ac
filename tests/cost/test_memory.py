"""Peak memory of small chains, counted by hand."""

from torch import Tensor, nn

from nas.cost.memory import Use, peak_elements
from nas.cost.trace import trace_module


class Skip(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def step(output: int, size: int, *inputs: int, alias: bool = False, in_place: bool = False) -> Use:
    return Use(output, size, inputs, alias, in_place)


def test_a_value_lives_until_it_is_read_for_the_last_time() -> None:
    assert peak_elements([step(1, 10, 0), step(2, 20, 1), step(3, 5, 2)], 7) == 30
    assert peak_elements([step(1, 10, 0), step(2, 20, 1), step(3, 5, 2, 1)], 7) == 35


def test_the_input_lives_as_long_as_a_skip_needs_it() -> None:
    assert peak_elements([step(1, 10, 0), step(2, 10, 1), step(3, 10, 0, 2)], 10) == 30
    # What a skip still needs is not written over.
    assert peak_elements([step(1, 10, 0, in_place=True), step(2, 10, 0, 1)], 10) == 30


def test_views_and_in_place_results_cost_nothing() -> None:
    assert peak_elements([step(1, 0, 0, alias=True), step(2, 10, 1, in_place=True)], 10) == 10


def test_a_block_on_its_own_needs_what_it_needs_inside_a_network() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    block = Skip(conv, nn.Conv2d(4, 4, 3, padding=1, bias=False))
    alone = trace_module(block, (4, 8, 8)).peak_memory_elements
    inside = trace_module(nn.Sequential(nn.Conv2d(1, 4, 1), block), (1, 8, 8)).peak_memory_elements
    assert alone == inside == 3 * 4 * 8 * 8
