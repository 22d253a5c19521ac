from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nas.data import ImageData, load_data
from nas.data.batches import EvaluationBatches, TrainingBatches
from nas.training.recipe import Recipe, default_recipe
from nas.training.train import evaluate, recalibrate_batch_norm, score, single_step, train


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits", resolution=32)


@pytest.fixture(scope="module")
def few_digits(digits: ImageData) -> ImageData:
    return dataclasses.replace(digits, train=digits.train.take(np.arange(128)), resolution=16)


def conv(in_chs: int, out_chs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_chs, out_chs, 3, 2, 1, bias=False), nn.BatchNorm2d(out_chs), nn.ReLU())


def tiny_network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        conv(3, 16), conv(16, 32), conv(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )


@pytest.mark.slow
def test_a_tiny_network_learns_the_digits(digits: ImageData) -> None:
    network = tiny_network()
    start = time.process_time()
    train(network, digits, dataclasses.replace(default_recipe(digits), epochs=20, lr=1e-2))
    assert time.process_time() - start < 60
    assert evaluate(network, EvaluationBatches(digits, "test")) > 0.95


@pytest.mark.slow
def test_data_cost_little_beside_training(digits: ImageData) -> None:
    batches = TrainingBatches(digits, batch_size=64)
    start = time.process_time()
    for epoch in range(3):
        list(batches.epoch(epoch))
    assert (time.process_time() - start) / 3 < 0.3


def test_training_is_reproducible_and_ends_in_eval_mode(few_digits: ImageData) -> None:
    def trained() -> dict[str, Tensor]:
        network = tiny_network()
        train(network, few_digits, Recipe(epochs=2, batch_size=32))
        assert not network.training
        return network.state_dict()

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_only_the_training_split_is_read(few_digits: ImageData) -> None:
    class Forbidden:
        labels = few_digits.test.labels

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[object, int]:
            raise AssertionError("a held-out image was read")

    sealed = dataclasses.replace(few_digits, search=Forbidden(), test=Forbidden())
    train(tiny_network(), sealed, Recipe(epochs=1, batch_size=32, mixup=0.2))


def test_a_teacher_pulls_the_network_towards_it() -> None:
    images, labels = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(8).long()
    torch.manual_seed(0)
    student, teacher = nn.Linear(4, 3), nn.Linear(4, 3)

    def gradient(weight: float, taught_by: nn.Module | None) -> Tensor:
        student.zero_grad()
        known = None if taught_by is None else lambda x, _: taught_by(x)
        single_step(student, Recipe(distill_weight=weight), known)(images, labels, 0)
        assert student.weight.grad is not None
        return student.weight.grad.clone()

    assert torch.equal(gradient(0.0, teacher), gradient(0.5, None))
    assert not torch.allclose(gradient(1.0, teacher), gradient(0.0, teacher))
    assert gradient(1.0, student).abs().max() < 1e-6  # nothing to learn from itself
    assert teacher.weight.grad is None


def test_accuracy_is_the_share_of_right_answers() -> None:
    batches = [(torch.eye(3), torch.tensor([0, 1, 0])), (torch.eye(3)[:1], torch.tensor([0]))]
    assert evaluate(lambda images: images, batches) == 0.75
    logits, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    found = score(lambda images: images, batches)
    assert found.accuracy == 0.75
    assert found.loss == pytest.approx(float(nn.functional.cross_entropy(logits, labels)))


def test_evaluation_runs_in_eval_mode_and_restores_the_mode(few_digits: ImageData) -> None:
    network = tiny_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batches = EvaluationBatches(few_digits, "search")
    first = evaluate(network, batches)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert evaluate(network.eval(), batches) == first
    assert not network.training


def test_recalibrated_statistics_are_the_mean_over_batches() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5))
    network[0].running_mean.fill_(99)
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.randn(16, 2, 4, 4, generator=generator) + i, torch.zeros(16)) for i in range(2)]
    recalibrate_batch_norm(network, batches)
    used = torch.stack([images for images, _ in batches])
    assert torch.allclose(network[0].running_mean, used.mean(dim=(0, 1, 3, 4)), atol=1e-5)
    assert torch.allclose(network[0].running_var, used.var(dim=(1, 3, 4)).mean(dim=0), atol=1e-5)
    assert network[0].momentum == 0.1
    assert not any(module.training for module in network.modules())


def test_a_network_without_batch_norm_is_left_alone() -> None:
    calls = iter([])  # type: ignore[var-annotated] # would raise StopIteration if it were used
    network = nn.Sequential(nn.LayerNorm(4)).train()
    recalibrate_batch_norm(network, calls)
    assert not network.training
