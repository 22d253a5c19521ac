from __future__ import annotations

import numpy as np
import pytest

from nas.data.splits import mirror_matters, stratified_split
from nas.errors import UserError

NAMES = ("cat", "dog")


def test_every_index_is_in_one_part_and_every_class_in_every_part() -> None:
    labels = np.array([0] * 100 + [1] * 3)
    parts = stratified_split(labels, (0.2, 0.2), 0, NAMES, where="here")
    assert sorted(np.concatenate(parts)) == list(range(103))
    assert [list(np.bincount(labels[p])) for p in parts] == [[60, 1], [20, 1], [20, 1]]


def test_the_seed_decides() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    first, again, other = (stratified_split(labels, (0.2,), s, NAMES, where="")[1] for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_too_small_to_split_is_named() -> None:
    with pytest.raises(UserError, match=r"here: class 'dog' has 2 training images; at least 3"):
        stratified_split(np.array([0] * 9 + [1] * 2), (0.2, 0.2), 0, NAMES, where="here")


@pytest.mark.parametrize(
    ("names", "matters"),
    [
        (("0", "1", "11"), True),
        (("0 - zero", "1 - one"), True),
        (("a", "B"), True),
        (("turn_left", "turn_right"), True),
        (("cat", "dog"), False),
        (("cleft", "bright"), False),
    ],
)
def test_mirror_matters(names: tuple[str, ...], matters: bool) -> None:
    assert mirror_matters(names) is matters
