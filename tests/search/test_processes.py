"""Two processes train a supernet as one does; a killed training goes on."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data import ImageData, load_data
from nas.errors import NasError, UserError
from nas.model.supernet import Supernet
from nas.search.supernets import trained_supernet
from nas.search.watch import Silent
from nas.space.space import SearchSpace, load_space
from nas.training.group import Group
from nas.training.processes import helped
from nas.training.recipe import Recipe

WITHOUT_BATCH_NORM = """# A space for tests.
name: plain
description: layer norm only
resolution: 16
stem: {kind: patch, out_chs: 8, kernel_size: 4, stride: 4}
stages:
  - {depth: [1, 2], out_chs: [8, 16], stride: 1, blocks: [
      {kind: convnext, kernel_size: [3, 5], mlp_ratio: [1, 2]}, {kind: transformer, num_heads: 1, head_dim: 8},
      {kind: mbconv, exp_ratio: [1, 2], norm: layer}]}
heads: [{kind: pool_norm}]
"""
# Plain gradient descent: where a gradient is zero but for rounding, Adam would make a whole step of it.
RECIPE = Recipe(epochs=2, batch_size=32, lr=0.05, optimizer="sgd")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> ImageData:
    digits = load_data("digits", resolution=16)
    return dataclasses.replace(digits, train=digits.train.take(np.arange(64)))


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    file = tmp_path / "plain.yaml"
    file.write_text(WITHOUT_BATCH_NORM)
    return load_space(str(file)).for_classes(10)


def trained(space: SearchSpace, data: ImageData, runs: Path, processes: int) -> Mapping[str, torch.Tensor]:
    where = {"runs_dir": runs, "device": CPU, "processes": processes}
    found, _ = trained_supernet(space, data, RECIPE, watch=Silent(), time_share=half_gone, **where)
    return found.state_dict()


def half_gone() -> float:
    """Half of the time allowed is used from the start on, so that the learning rate begins low in all processes."""
    return 0.5


def difference(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_go_on(space: SearchSpace, data: ImageData, tmp_path: Path) -> None:
    alone = trained(space, data, tmp_path / "alone", 1)
    assert difference(alone, Supernet(space, seed=0).state_dict()) > 1e-2

    class Killed(Silent):
        def progress(self, stage: str, done: float, total: float, note: str = "") -> None:
            if done == 3:  # in the second of two epochs
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        where = {"runs_dir": tmp_path / "killed", "device": CPU, "processes": 2}
        trained_supernet(space, data, RECIPE, watch=Killed(), time_share=half_gone, **where)
    assert list((tmp_path / "killed").rglob("*.state"))
    assert difference(alone, trained(space, data, tmp_path / "killed", 2)) < 1e-5


def test_each_process_needs_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="there are 2 CUDA devices"), helped(leave, 3, torch.device("cuda")):
        pass


def leave(group: Group, device: torch.device) -> None:
    """A helper that does nothing of its part."""


@pytest.mark.slow
def test_a_helper_that_ends_early_is_an_error() -> None:
    with pytest.raises(NasError, match="ended before the others"), helped(leave, 2, CPU) as group:
        for _ in range(3):
            group.any(False)
