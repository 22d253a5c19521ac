"""A search that starts from a checkpoint: its supernet is another one, and a resumed run keeps to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import yaml

from nas import runs
from nas.data import load_data
from nas.errors import UserError
from nas.jobs.search import resume, start
from nas.model.supernet import Supernet
from nas.model.warm_start import WarmStart, starting_point
from nas.search.config import Workers, read_config
from nas.search.defaults import Wishes, plan
from nas.search.objective import Constraints
from nas.search.supernets import supernet_key, trained_supernet
from nas.search.target import load_target, search_field
from nas.search.watch import Silent
from nas.space.space import load_space
from nas.training.loop import FitResult
from nas.training.recipe import Recipe

TINY = "test_efficientnet"
FUSED = {"kind": "fused_mbconv", "exp_ratio": [2, 4], "act": "silu"}
MBCONV = {"kind": "mbconv", "exp_ratio": 4, "se": "efficientnet", "act": ["silu", "relu"]}
SPACE = {
    "name": "tiny",
    "description": "timm's smallest EfficientNet and its like",
    "resolution": 32,
    "stem": {"out_chs": 24, "act": "silu"},
    "stages": [
        {"depth": 1, "out_chs": 16, "stride": 1, "blocks": [{"kind": "conv", "act": "silu"}]},
        {"depth": [1, 2], "out_chs": [16, 24], "stride": 2, "blocks": [FUSED]},
        {"depth": 1, "out_chs": 32, "stride": 2, "blocks": [FUSED]},
        {"depth": 1, "out_chs": [40, 48], "stride": 2, "blocks": [MBCONV]},
        {"depth": 1, "out_chs": 64, "stride": 2, "blocks": [MBCONV]},
    ],
    "heads": [{"kind": "conv_pool", "features": 256, "act": "silu"}],
}


@pytest.fixture
def wishes(tmp_path: Path) -> Wishes:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=pixels, labels=np.arange(60) % 3)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SPACE))
    torch.manual_seed(0)
    torch.save(timm.create_model(TINY).state_dict(), tmp_path / "tiny.pth")
    return Wishes(
        target="jetson-orin",
        data=str(tmp_path / "images.npz"),
        space=str(tmp_path / "tiny.yaml"),
        constraints=Constraints(latency_ms=10.0),
        supernet_epochs=1,
        evaluations=3,
        finalists=1,
        finalist_epochs=1,
        workers=Workers(address="inline"),
        formats=(),
        warm_start=f"timm:{TINY}={tmp_path / 'tiny.pth'}",
    )


def test_a_run_names_its_checkpoint_and_goes_on_with_it(wishes: Wishes, tmp_path: Path) -> None:
    outcome = start(wishes, runs_dir=tmp_path / "runs", name="warm", watch=Silent())
    kept = read_config(outcome.path / runs.CONFIG).warm_start
    assert kept is not None
    assert (kept.model, kept.file) == (TINY, str(tmp_path / "tiny.pth"))
    assert len(kept.digest) == 16
    (tmp_path / "tiny.pth").unlink()  # its supernet is trained: the file is needed no more
    (outcome.path / runs.RESULT).unlink()
    assert resume(outcome.path, Silent()).result["winner"] == outcome.result["winner"]


def test_a_changed_checkpoint_is_refused_as_long_as_it_is_needed(wishes: Wishes, tmp_path: Path) -> None:
    outcome = start(wishes, runs_dir=tmp_path / "runs", name="warm", watch=Silent())
    (outcome.path / runs.RESULT).unlink()
    for trained in (tmp_path / "runs" / ".supernets").glob("*.safetensors"):
        trained.unlink()
    torch.save(timm.create_model(TINY).state_dict(), tmp_path / "tiny.pth")
    with pytest.raises(UserError, match="not those that the run was begun with"):
        resume(outcome.path, Silent())


def test_the_checkpoint_is_in_the_weights_before_training(wishes: Wishes, tmp_path: Path, monkeypatch) -> None:
    seen: list[Supernet] = []

    def train(supernet: Supernet, *_, **__) -> FitResult:
        seen.append(supernet)
        return FitResult((), 0.0, stopped=False)

    monkeypatch.setattr("nas.search.supernets.train_supernet", train)
    config = plan(wishes)
    space = load_space(str(tmp_path / "tiny.yaml")).for_classes(3)
    data = load_data(config.data, resolution=32)
    where = {"runs_dir": tmp_path, "watch": Silent(), "device": torch.device("cpu")}
    trained_supernet(space, data, Recipe(epochs=1), warm_start=config.warm_start, **where)
    assert config.warm_start is not None
    weights = seen[0].weights(starting_point(config.warm_start, space))
    expected = torch.load(tmp_path / "tiny.pth")
    assert torch.equal(weights["blocks.3.0.conv_dw.weight"], expected["blocks.3.0.conv_dw.weight"])
    assert weights["classifier.weight"].shape[0] == 3


def test_model_and_weights_count_and_the_files_name_does_not(wishes: Wishes, tmp_path: Path) -> None:
    space = load_space(str(tmp_path / "tiny.yaml")).for_classes(3)
    data = load_data(wishes.data, resolution=32)
    warm = WarmStart(TINY, "a.pth", "0" * 16)
    key = supernet_key(space, data, Recipe(epochs=1), warm)
    assert supernet_key(space, data, Recipe(epochs=1), replace(warm, file="b.pth")) == key
    assert supernet_key(space, data, Recipe(epochs=1), replace(warm, digest="1" * 16)) != key
    assert supernet_key(space, data, Recipe(epochs=1)) != key


def test_the_point_must_be_one_that_the_target_can_run() -> None:
    target = load_target("coral-edgetpu")
    left = search_field(load_space("mobile-hybrid"), target).restriction.space
    assert starting_point(WarmStart("mobilenetv2_100"), left)
    with pytest.raises(UserError, match="act of the stem is hard_swish, where the space has "):
        starting_point(WarmStart("mobilenetv3_large_100"), left)
