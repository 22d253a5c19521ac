from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data import ImageData, load_data
from nas.data import batches as batches_module
from nas.data.batches import EvaluationBatches, TrainingBatches, first_images
from nas.data.images import MemoryImages
from nas.errors import UserError

FolderMaker = Callable[..., Path]


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits", resolution=16)


@pytest.fixture
def photos(class_folder: FolderMaker) -> ImageData:
    return load_data(str(class_folder("photos", {"cat": 10, "dog": 10})), resolution=32)


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_training_batches_have_the_promised_shape(digits: ImageData) -> None:
    batches = TrainingBatches(digits, batch_size=100)
    made = list(batches.epoch(0))
    assert len(made) == len(batches) == len(digits.train) // 100
    for images, labels in made:
        assert (images.shape, images.dtype) == ((100, 3, 16, 16), torch.float32)
        assert (labels.shape, labels.dtype) == ((100,), torch.int64)


def test_one_seed_gives_one_order_and_one_augmentation(digits: ImageData) -> None:
    def first(seed: int, epoch: int) -> list[torch.Tensor]:
        return list(next(TrainingBatches(digits, batch_size=64, seed=seed).epoch(epoch)))

    assert same(first(0, 0), first(0, 0))
    assert not same(first(0, 0), first(0, 1))
    assert not same(first(0, 0), first(1, 0))


def test_augmentation_varies_an_image_and_evaluation_does_not(digits: ImageData) -> None:
    one = dataclasses.replace(digits, train=digits.train.take(np.array([5, 6])))
    batches = TrainingBatches(one, batch_size=2)
    first, second = (next(batches.epoch(e)) for e in (0, 1))
    order = first[1].argsort(), second[1].argsort()
    assert not torch.equal(first[0][order[0]], second[0][order[1]])
    assert same(list(next(iter(EvaluationBatches(one, "train")))), list(next(iter(EvaluationBatches(one, "train")))))


def test_global_generators_are_left_alone(digits: ImageData) -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the generator that transforms use
    torch.manual_seed(1)
    list(TrainingBatches(digits, batch_size=500, mixup=0.2).epoch(0))
    drawn = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())  # noqa: NPY002


def test_mixup_gives_probabilities_and_mixes(digits: ImageData) -> None:
    plain = next(TrainingBatches(digits, batch_size=64).epoch(0))
    mixed = next(TrainingBatches(digits, batch_size=65, mixup=1.0).epoch(0))
    assert mixed[1].shape == (64, 10)
    assert torch.allclose(mixed[1].sum(dim=1), torch.ones(64))
    assert ((mixed[1] > 0.01).sum(dim=1) == 2).any()
    assert not torch.equal(plain[0], mixed[0])


def test_a_batch_is_never_larger_than_the_set(digits: ImageData) -> None:
    few = dataclasses.replace(digits, train=digits.train.take(np.arange(10)))
    assert len(TrainingBatches(few, batch_size=64)) == 1


def test_evaluation_sees_every_image_once_with_its_label(digits: ImageData) -> None:
    at_own_size = digits.at_resolution(32)
    batches = EvaluationBatches(at_own_size, "search", batch_size=100)
    images = torch.cat([images for images, _ in batches])
    labels = torch.cat([labels for _, labels in batches])
    std, mean = (torch.tensor(v).view(1, 3, 1, 1) for v in (digits.std, digits.mean))
    pixels = ((images * std + mean) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    made = sorted((p.tobytes(), int(y)) for p, y in zip(pixels, labels, strict=True))
    wanted = sorted((digits.search[i][0].tobytes(), digits.search[i][1]) for i in range(len(digits.search)))
    assert made == wanted
    assert len(batches) == 4


def test_the_first_evaluation_batch_holds_all_classes() -> None:
    labels = np.repeat(np.arange(4), 50)  # sorted by class, as folders are
    images = MemoryImages(np.zeros((200, 8, 8, 3), dtype=np.uint8), labels)
    data = load_data("digits", resolution=8)
    sorted_data = dataclasses.replace(data, search=images)
    _, first = next(iter(EvaluationBatches(sorted_data, "search", batch_size=32)))
    assert set(first.tolist()) == {0, 1, 2, 3}


def test_the_first_images_are_those_of_all_batches(digits: ImageData) -> None:
    every = torch.cat([images for images, _ in EvaluationBatches(digits, "search", batch_size=50)])
    few = [images for images, _ in EvaluationBatches(digits, "search", batch_size=50, limit=120)]
    assert [len(images) for images in few] == [50, 50, 20]
    assert torch.equal(torch.cat(few), every[:120])
    assert torch.equal(first_images(digits, "search", 70)[0], every[:70])
    assert len(first_images(digits, "search", 10_000)[0]) == len(every)


@pytest.mark.parametrize("limits", [(2**30, 2**30), (0, 2**30), (0, 3 * 16 * 16 * 200), (0, 0)])
def test_caching_changes_nothing(digits: ImageData, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]) -> None:
    plain = [images for images, _ in EvaluationBatches(digits, "search", batch_size=100)]
    monkeypatch.setattr(batches_module, "_FLOAT_CACHE_BYTES", limits[0])
    monkeypatch.setattr(batches_module, "_BYTE_CACHE_BYTES", limits[1])
    batches = EvaluationBatches(digits, "search", batch_size=100)
    next(iter(batches))  # broken off after one batch
    for _ in range(2):
        assert same([images for images, _ in batches], plain)


def test_workers_change_nothing(photos: ImageData) -> None:
    alone = TrainingBatches(photos, batch_size=4, workers=0)
    helped = TrainingBatches(photos, batch_size=4, workers=2)
    next(helped.epoch(7))  # an epoch that is broken off
    for epoch in (0, 1):
        pairs = zip(alone.epoch(epoch), helped.epoch(epoch), strict=True)
        assert all(same(list(a), list(b)) for a, b in pairs)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_named_in_one_line(class_folder: FolderMaker, workers: int) -> None:
    folder = class_folder("photos", {"cat": 5, "dog": 5})
    data = load_data(str(folder), resolution=32)
    for file in folder.rglob("*.png"):
        file.write_bytes(file.read_bytes()[:9000])
    with pytest.raises(UserError, match=r"^[^\n]*photos/(cat|dog)/\d\.png: the image cannot be decoded[^\n]*$"):
        list(EvaluationBatches(data, "test", workers=workers))
    with pytest.raises(UserError, match=r"cannot be decoded"):
        list(TrainingBatches(data, batch_size=2, workers=0).epoch(0))
