"""Weights go from timm's names to ours and back without a change."""

import pytest
import timm
import torch

from nas.model.timm_forms import Packed, Positions
from nas.model.timm_names import ours_from_timm, timm_from_ours
from nas.model.zoo import zoo_architecture


@pytest.mark.parametrize(
    "name", ["lcnet_050", "ghostnet_100", "convnext_atto", "deit_tiny_patch16_224", "efficientvit_b0"]
)
def test_there_and_back_changes_nothing(name: str) -> None:
    weights = timm.create_model(name).state_dict()
    architecture = zoo_architecture(name)
    again = timm_from_ours(architecture, ours_from_timm(architecture, weights))
    assert list(again) == list(weights)
    assert all(torch.equal(again[key], weights[key]) for key in weights)


def test_names_kept_from_timm_are_left_alone() -> None:
    weights = {"blocks.0.0.conv_dw.weight": torch.zeros(1)}
    assert ours_from_timm(zoo_architecture("ghostnet_100"), weights) == weights


def test_unknown_names_are_kept_for_the_network_to_refuse() -> None:
    weights = {"dist_token": torch.zeros(1)}
    assert ours_from_timm(zoo_architecture("deit_tiny_patch16_224"), weights) == weights
    assert timm_from_ours(zoo_architecture("deit_tiny_patch16_224"), weights) == weights


def test_packed_weights_are_those_of_each_head() -> None:
    packed = torch.arange(12).reshape(12, 1)  # two heads of width 2: q q k k v v, q q k k v v
    query, key, value = Packed(groups=2, linear=True).split(packed)
    assert query.flatten().tolist() == [0, 1, 6, 7]
    assert key.flatten().tolist() == [2, 3, 8, 9]
    assert value.flatten().tolist() == [4, 5, 10, 11]
    assert torch.equal(Packed(groups=2, linear=True).join([query, key, value]), packed)


def test_positions_become_a_map_row_by_row() -> None:
    first, square = Positions().split(torch.arange(5.0).reshape(1, 5, 1))
    assert first.flatten().tolist() == [0.0]
    assert square[0, 0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
