"""One description for each network."""

from dataclasses import replace

import pytest

from nas.blocks import Block, block_types
from nas.space.architecture import Architecture
from nas.space.canonical import canonical, fingerprint, ratio_fields
from nas.space.ends import Head, Stem

BLOCKS = block_types()
RATIOS = [(kind, name) for kind, family in BLOCKS.items() for name in ratio_fields(family)]


def network(*blocks: Block, resolution: int = 32, chs: int = 16) -> Architecture:
    return Architecture(resolution, 10, Stem(chs), (blocks,), Head())


@pytest.mark.parametrize(("kind", "name"), RATIOS)
@pytest.mark.parametrize("chs", [8, 12, 24])
def test_ratios_that_make_the_same_module_have_one_description(kind: str, name: str, chs: int) -> None:
    described: dict[object, set[float]] = {}
    for hundredths in range(10, 101, 6) if name == "rank" else range(100, 310, 15):
        block = BLOCKS[kind](out_chs=chs, **{name: hundredths / 100})  # type: ignore[call-arg]
        found = canonical(block, chs, 8)
        assert fingerprint(found.build(chs)) == fingerprint(block.build(chs))
        assert canonical(found, chs, 8) == found
        described.setdefault(fingerprint(block.build(chs)), set()).add(getattr(found, name))
    assert all(len(ratios) == 1 for ratios in described.values())
    assert len(described) > 1


def test_published_ratios_stay_as_they_are() -> None:
    mbconv = BLOCKS["mbconv"]
    for in_chs, ratio in [(80, 2.3), (80, 2.5), (16, 6.0), (24, 3.0), (40, 6.0)]:
        block = mbconv(out_chs=80, exp_ratio=ratio)  # type: ignore[call-arg]
        assert canonical(block, in_chs, 14) == block


def test_rounded_ratios_are_one_architecture() -> None:
    made = [network(BLOCKS["mbconv"](out_chs=16, exp_ratio=ratio)) for ratio in (2.3, 2.4, 2.5)]  # type: ignore[call-arg]
    assert len({a.digest for a in made}) == len(set(made)) == 1
    assert made[0].stages[0][0].exp_ratio == 2.5  # type: ignore[attr-defined]


def test_the_same_ratio_may_be_rounded_in_one_place_and_not_in_another() -> None:
    block = BLOCKS["mbconv"](out_chs=80, exp_ratio=2.3)  # type: ignore[call-arg]
    first, second = network(block, block).stages[0]
    assert (first.exp_ratio, second.exp_ratio) == (2.5, 2.3)  # type: ignore[attr-defined]


def test_a_window_as_large_as_the_map_is_the_map() -> None:
    window = BLOCKS["transformer"](out_chs=16, window_size=8)  # type: ignore[call-arg]
    whole = replace(window, window_size=0)  # type: ignore[type-var]
    assert network(window, resolution=16) == network(whole, resolution=16)
    assert network(window, resolution=32) != network(whole, resolution=32)


def test_numbers_of_another_type_are_the_same_description() -> None:
    data = network(BLOCKS["mbconv"](out_chs=16, exp_ratio=2.0)).to_dict()  # type: ignore[call-arg]
    data["stages"][0][0]["exp_ratio"] = 2
    assert Architecture.from_dict(data).to_json() == network(BLOCKS["mbconv"](out_chs=16, exp_ratio=2.0)).to_json()  # type: ignore[call-arg]
