"""A network in timm's format comes back in a process that has torch, timm and the folder, and nothing of ours."""

import importlib.util
import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nas import torch_compat
from nas.artefacts import save_winner
from nas.blocks import Block, block_types
from nas.errors import NasError
from nas.export import ModelFacts
from nas.export.timm import CONFIG, EXPORTER, MODULE, WEIGHTS, documents, published_name
from nas.export.winner import describe_winner
from nas.model.network import build
from nas.model.zoo import zoo_architecture
from nas.space.architecture import Architecture
from nas.space.ends import Head, Stem
from nas.space.space import load_space
from tests.contracts.block_examples import examples

OWN_FILE = Path(__file__).parents[2] / "examples" / "own_block" / "my_blocks.py"
ALONE = """
import sys
sys.modules["nas"] = None
mended = {"__name__": "compat", "__file__": sys.argv[1]}
exec(open(sys.argv[1]).read(), mended)
mended["prepare"]()
import importlib, json, pathlib, warnings
import numpy as np, timm, torch
warnings.simplefilter("ignore")  # every folder's model has the same name: the last one imported counts
torch.set_num_threads(1)
"""
EVERY = (
    ALONE
    + """
for folder in map(pathlib.Path, sys.argv[2:]):
    sys.path.insert(0, str(folder))
    sys.modules.pop("nas_winner", None)
    importlib.import_module("nas_winner")
    images = torch.from_numpy(np.load(folder / "images.npy"))
    with torch.inference_mode():
        np.save(folder / "logits.npy", timm.create_model("nas_winner", pretrained=True).eval()(images).numpy())
    sys.path.remove(str(folder))
"""
)


def run_alone(code: str, *arguments: object) -> str:
    command = [sys.executable, "-I", "-B", "-c", code, torch_compat.__file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def facts(architecture: Architecture) -> ModelFacts:
    names = tuple(f"class {i}" for i in range(architecture.num_classes))
    numbers = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    return ModelFacts(architecture.resolution, names, **numbers, digest=architecture.digest, architecture=architecture)


def trained(architecture: Architecture) -> nn.Module:
    """Return a network whose norms have seen something and whose layer scales count."""
    network = build(architecture, seed=0)
    for name, parameter in network.named_parameters():
        if "gamma" in name or "layer_scale" in name or "ls" in name:
            nn.init.uniform_(parameter, 0.5, 1.0)
    network(torch.randn(8, 3, architecture.resolution, architecture.resolution))
    return network.eval()


def write_winner(run_dir: Path, architecture: Architecture, network: nn.Module) -> None:
    """Write what a finished run has, as far as its winner is concerned."""
    pixels = np.random.default_rng(0).integers(0, 255, (60, 32, 32, 3), dtype=np.uint8)
    names = np.array(["ant", "bee", "cat"])
    np.savez(run_dir / "images.npz", images=pixels, labels=np.arange(60) % 3, class_names=names)
    save_winner(run_dir / "winner", architecture, network)
    result = {"data": str(run_dir / "images.npz"), "seed": 0, "winner": {"macs": 1}}
    (run_dir / "result.json").write_text(json.dumps(result))
    describe_winner(run_dir)


def with_family(family: type[Block]) -> Architecture:
    """Return a small network with a few forms of one family."""
    forms = [b for b in examples(family) if b.out_chs == 16 and b.stride == 1][-6:]
    return Architecture(16, 3, Stem(16, act="silu"), (tuple(forms),), Head("conv_pool", 24, "hard_swish"))


def of_tokens() -> Architecture:
    """Return a network on tokens, the only kind whose weights depend on the image's size."""
    whole = zoo_architecture("deit_tiny_patch16_224", resolution=32, num_classes=3)
    return replace(whole, stages=(whole.stages[0][:2],))


def of_an_own_file() -> Architecture:
    """Return a network of a block family that stands in a file outside the package."""
    spec = importlib.util.spec_from_file_location("own_blocks", OWN_FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return with_family(module.BLOCK)


def of_layer_norm() -> Architecture:
    """Return a network of convolutions with layer norm everywhere."""
    kinds = ("mbconv", "depthwise_separable", "fused_mbconv", "residual_conv", "conv", "uib", "group_bottleneck")
    blocks = tuple(block_types()[kind](16, norm="layer") for kind in kinds)
    return Architecture(16, 3, Stem(16, norm="layer"), (blocks,), Head("conv_pool", 24, norm="layer"))


NETWORKS = {
    **{kind: with_family(family) for kind, family in block_types().items()},
    **{"tokens": of_tokens(), "own file": of_an_own_file(), "layer norm": of_layer_norm()},
}


@pytest.fixture(scope="module")
def every_family(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, np.ndarray]]:
    """Write a network of each family and run them all in one process: each folder with what it should give."""
    written = {}
    for kind, architecture in NETWORKS.items():
        folder = tmp_path_factory.mktemp(kind) / "model.timm"
        network = trained(architecture)
        EXPORTER.export(network, folder, facts(architecture))
        images = torch.randn(3, 3, *2 * [architecture.resolution], generator=torch.Generator().manual_seed(1))
        np.save(folder / "images.npy", images.numpy())
        with torch.no_grad():
            written[kind] = folder, network(images).numpy()
    run_alone(EVERY, *(folder for folder, _ in written.values()))
    return written


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_family_stands_alone(kind: str, every_family: dict[str, tuple[Path, np.ndarray]]) -> None:
    folder, expected = every_family[kind]
    assert {p.name for p in folder.glob("*.*")} >= {CONFIG, WEIGHTS, MODULE}
    found = np.load(folder / "logits.npy")
    assert np.abs(found - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


def test_the_module_holds_what_the_network_uses_and_no_more() -> None:
    architecture = with_family(block_types()["mbconv"])
    source = documents(facts(architecture))[MODULE]
    assert "class MBConv" in source
    assert "class Transformer" not in source
    assert not re.search(r"^\s*(from|import) nas\b", source, re.MULTILINE)
    assert len(source.splitlines()) < 600
    assert max(map(len, source.splitlines())) <= 120


def test_a_published_network_needs_no_module() -> None:
    architecture = zoo_architecture("mobilenetv3_small_050", resolution=64, num_classes=5)
    assert published_name(architecture) == "mobilenetv3_small_050"
    assert published_name(replace(architecture, stem=Stem(24))) is None
    written = documents(facts(architecture))
    assert list(written) == [CONFIG]
    config = json.loads(written[CONFIG])
    assert (config["architecture"], config["num_classes"]) == ("mobilenetv3_small_050", 5)


def test_a_network_without_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="only with its architecture"):
        EXPORTER.export(nn.Linear(1, 1), tmp_path / "model.timm", ModelFacts(8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_folder_that_does_not_load_says_why(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text('{"architecture": "no_such_model", "pretrained_cfg": {}}')
    with pytest.raises(NasError, match="does not load with timm alone: .*no_such_model"):
        EXPORTER.load(tmp_path)(np.zeros((1, 3, 8, 8), dtype=np.float32))


LIKE_TIMMS = (
    ALONE
    + """
sys.path.insert(0, sys.argv[2])
import nas_winner
model = timm.create_model("nas_winner", pretrained=True).eval()
local = timm.create_model("local-dir:" + sys.argv[2], pretrained=True).eval()
checkpoint = timm.create_model("nas_winner", checkpoint_path=sys.argv[2] + "/model.safetensors").eval()
x = torch.randn(2, 3, 32, 32)
with torch.inference_mode():
    same = [torch.equal(model(x), other(x)) for other in (local, checkpoint)]
    parts = torch.equal(model.forward_head(model.forward_features(x)), model(x))
    pooled = model.forward_head(model.forward_features(x), pre_logits=True).shape[1]
tuned = timm.create_model("nas_winner", pretrained=True, num_classes=7)
gray = timm.create_model("nas_winner", in_chans=1, num_classes=0)
config = timm.data.resolve_model_data_config(model)
print(json.dumps({
    "same": same, "parts": parts, "pooled": pooled == model.head_hidden_size,
    "features": model.forward_features(x).shape[1] == model.num_features,
    "tuned": list(tuned(x).shape), "stem": torch.equal(tuned.conv_stem.weight, model.conv_stem.weight),
    "gray": list(gray(torch.randn(2, 1, 32, 32)).shape)[1] == gray.head_hidden_size,
    "mean": config["mean"], "std": config["std"], "input_size": config["input_size"], "crop_pct": config["crop_pct"],
    "interpolation": config["interpolation"], "labels": list(local.pretrained_cfg["label_names"]),
}))
"""
)


def test_timm_treats_a_winner_as_one_of_its_own(tmp_path: Path) -> None:
    architecture = load_space("tiny-hybrid").for_classes(3).sample(random.Random(5))
    write_winner(tmp_path, architecture, trained(architecture))
    said = json.loads(run_alone(LIKE_TIMMS, tmp_path / "winner"))
    assert said == {
        **{"same": [True, True], "parts": True, "pooled": True, "features": True, "stem": True, "gray": True},
        **{"tuned": [2, 7], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        **{"input_size": [3, architecture.resolution, architecture.resolution], "crop_pct": 1.0},
        **{"interpolation": "bilinear", "labels": ["ant", "bee", "cat"]},
    }
