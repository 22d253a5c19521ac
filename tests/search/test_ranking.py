"""Rank correlations and the networks that they are taken over."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from nas.cost.cost import CostModel
from nas.search.ranking import correlation, spread
from nas.space.space import load_space


@pytest.mark.parametrize("seed", range(4))
def test_tau_is_that_of_scipy_with_ties_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(6, size=15)
    second = first + rng.integers(6, size=15)
    found = correlation(list(first), list(second))
    assert found.tau == pytest.approx(kendalltau(first, second).statistic)
    assert found.low < found.tau < found.high


def test_order_is_all_that_counts() -> None:
    numbers = [0.1, 0.5, 0.2, 0.9, 0.7]
    assert correlation(numbers, [n**3 for n in numbers]).tau == 1
    assert correlation(numbers, [-n for n in numbers]).tau == -1
    assert correlation(numbers, [1.0] * 5).tau == 0


def test_more_networks_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    few, many = (correlation(x, x + rng.normal(size=len(x))) for x in (np.arange(10) / 3, np.arange(100) / 30))
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("numbers", [([1.0, 2.0], [1.0, 2.0]), ([1.0] * 4, [1.0] * 3)])
def test_too_few_or_unequal_lists_are_refused(numbers: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="three or more"):
        correlation(*numbers)


def test_networks_are_spread_over_macs() -> None:
    space, costs = load_space("tiny-hybrid"), CostModel()
    chosen = spread(space, 8, seed=1)
    macs = [costs.cost(a).macs for a in chosen]
    assert macs == sorted(macs)
    assert len({a.digest for a in chosen}) == 8
    assert all(space.contains(a) for a in chosen)
    steps = np.diff(np.log(macs))
    assert steps.max() < 3 * np.log(macs[-1] / macs[0]) / 7
    assert [a.digest for a in spread(space, 8, seed=1)] == [a.digest for a in chosen]
