"""Devices by name; GPUs are imagined, because none is here."""

import random
import warnings

import pytest
import torch

from nas.errors import UserError
from nas.model.supernet import Supernet
from nas.search.config import Workers
from nas.search.supernet_evaluator import at_resolution
from nas.space.space import load_space
from nas.training.device import checked_device, mixed_precision, placed, resolve


def imagine(patch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    patch.setattr(torch.cuda, "device_count", lambda: cuda)
    patch.setattr(torch.backends.mps, "is_available", lambda: mps)


def test_auto_takes_the_best_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    imagine(monkeypatch)
    assert resolve("auto") == torch.device("cpu")
    imagine(monkeypatch, mps=True)
    assert resolve("auto") == torch.device("mps")
    imagine(monkeypatch, cuda=2, mps=True)
    assert resolve("auto") == torch.device("cuda")
    assert resolve("cuda:1") == torch.device("cuda:1")
    assert resolve("cpu") == torch.device("cpu")


def test_what_is_not_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    imagine(monkeypatch)
    with pytest.raises(UserError, match=r"device 'cuda': torch .*; use --device auto or cpu"):
        resolve("cuda")
    with pytest.raises(UserError, match="no Apple GPU"):
        resolve("mps")
    imagine(monkeypatch, cuda=2)
    with pytest.raises(UserError, match=r"2 CUDA devices here, the last is cuda:1"):
        resolve("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="allowed: auto, cpu, cuda"):
        checked_device(name)


def test_only_cuda_trains_in_bfloat16() -> None:
    with mixed_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that there is no GPU
        context = mixed_precision(torch.device("cuda"))
    assert isinstance(context, torch.autocast)
    assert (context.device, context.fast_dtype) == ("cuda", torch.bfloat16)


def test_workers_use_the_gpu_that_ray_gives_them() -> None:
    assert Workers(address="inline", device="cuda:1").evaluation_device == "cuda:1"
    assert Workers(device="cuda:1", gpus=0.5).evaluation_device == "cuda"
    assert Workers(device="auto", gpus=1).evaluation_device == "auto"
    assert Workers(device="cuda").evaluation_device == "cpu"
    with pytest.raises(ValueError, match="train_processes"):
        Workers(train_processes=0)


def test_a_supernet_stays_on_its_device() -> None:
    """On the meta device, where nothing is computed, a tensor made elsewhere would be an error."""
    device = torch.device("meta")
    space = load_space("tiny-hybrid").for_classes(3)
    supernet = Supernet(space)
    architecture = space.sample(random.Random(0))
    supernet(architecture, torch.rand(2, 3, 32, 32))  # parts that were made before the move
    placed(supernet, device)
    images = torch.empty(2, 3, 32, 32)
    supernet.train()
    loss = supernet(architecture, images.to(device)).sum()
    loss.backward()
    assert loss.device == device
    network = supernet.extract(architecture)
    assert at_resolution(network, architecture)(images.to(device)).device == device
    assert {t.device for t in network.state_dict().values()} == {device}
