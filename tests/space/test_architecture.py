"""Architectures: canonical, named by their digest, readable and written without loss."""

import random
from pathlib import Path

import pytest

from nas.errors import UserError
from nas.space.architecture import Architecture, load_architecture
from nas.space.document import space_names
from nas.space.space import load_space


@pytest.mark.parametrize("name", space_names())
def test_json_and_yaml_round_trip(name: str, tmp_path: Path) -> None:
    space, rng = load_space(name), random.Random(0)
    for _ in range(20):
        architecture = space.sample(rng)
        again = Architecture.from_json(architecture.to_json())
        assert again == architecture
        assert again.digest == architecture.digest
    (tmp_path / "a.yaml").write_text(architecture.to_yaml())
    assert load_architecture(tmp_path / "a.yaml") == architecture


def test_different_networks_have_different_digests() -> None:
    space, rng = load_space("tiny-hybrid"), random.Random(0)
    sampled = {space.sample(rng) for _ in range(2000)}
    assert len({a.digest for a in sampled}) == len(sampled)


def test_a_whole_number_ratio_is_the_same_network() -> None:
    data = load_space("tiny-hybrid").smallest().to_dict()
    block = next(b for stage in data["stages"] for b in stage if b["kind"] == "mbconv")
    block["exp_ratio"] = 2
    first = Architecture.from_dict(data)
    block["exp_ratio"] = 2.0
    assert first.digest == Architecture.from_dict(data).digest


def test_problems_carry_their_paths() -> None:
    data = load_space("tiny-hybrid").smallest().to_dict()
    data["resolution"] = "big"
    data["stages"][0][0]["kernel_size"] = "three"
    data["stages"][1][0]["kind"] = "mbcon"
    with pytest.raises(UserError) as error:
        Architecture.from_dict(data)
    for part in ("$.resolution", "$.stages[0][0].kernel_size", "$.stages[1][0]", "did you mean 'mbconv'"):
        assert part in str(error.value)


def test_a_block_that_keeps_shape_cannot_change_it() -> None:
    data = load_space("tiny-hybrid").smallest().to_dict()
    data["stages"][0][0] = {"kind": "transformer", "out_chs": 99}
    with pytest.raises(UserError, match="cannot change 16 to 99"):
        Architecture.from_dict(data)


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", "a: b", "\x00"])
def test_a_file_that_is_no_architecture(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError):
        load_architecture(tmp_path / "a.json")
