import copy
import dataclasses

import torch
from torch import nn

from nas.compress.tuning import Tuning, attention_loss, tune
from nas.data import ImageData
from nas.search.watch import Silent
from nas.training.recipe import Recipe


def tuning(data: ImageData) -> Tuning:
    return Tuning(data, Recipe(batch_size=32), 1, Silent())


def test_equal_looks_cost_nothing_whatever_the_width() -> None:
    maps = torch.rand(2, 4, 3, 3)
    assert attention_loss({3: maps}, {3: torch.cat([maps, maps], dim=1)}) < 1e-6
    assert attention_loss({3: maps}, {3: maps.flip(3)}) > 1e-3


def test_training_changes_the_weights_and_not_the_teacher(network: nn.Module, few_digits: ImageData) -> None:
    teacher = copy.deepcopy(network).requires_grad_(False)
    before = copy.deepcopy(teacher.state_dict())
    tune(network, tuning(few_digits), stage="test", teacher=teacher, feature_weight=1.0)
    assert not network.training
    assert any((p != q).any() for p, q in zip(network.parameters(), teacher.parameters(), strict=True))
    for name, tensor in teacher.state_dict().items():
        torch.testing.assert_close(tensor, before[name])
    assert not network._forward_hooks and not any(m._forward_hooks for m in network.modules())


def test_feature_maps_of_the_teacher_matter(network: nn.Module, few_digits: ImageData) -> None:
    teacher = copy.deepcopy(network).requires_grad_(False)
    for parameter in teacher[0].parameters():
        parameter.data.mul_(-1)
    results = []
    for weight in (0.0, 1.0):
        student = copy.deepcopy(network)
        tune(student, tuning(few_digits), stage="test", teacher=teacher, feature_weight=weight)
        results.append(student[0][0].weight.data)
    assert (results[0] != results[1]).any()


def test_the_same_seed_trains_the_same(network: nn.Module, few_digits: ImageData) -> None:
    other = copy.deepcopy(network)
    for student in (network, other):
        tune(student, tuning(few_digits), stage="test")
    torch.testing.assert_close(network.state_dict(), other.state_dict(), rtol=0, atol=0)


def test_a_share_of_the_learning_rate_moves_less(network: nn.Module, few_digits: ImageData) -> None:
    moved = []
    for share in (1.0, 0.01):
        student = copy.deepcopy(network)
        tune(student, dataclasses.replace(tuning(few_digits), epochs=2), stage="test", lr_share=share)
        moved.append(float((student[5].weight - network[5].weight).detach().norm()))
    assert moved[1] < 0.1 * moved[0]
