"""The example of a block of one's own works as its README says."""

import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from nas.blocks import block_types, user
from nas.blocks.user import load_blocks
from nas.cli.parser import build_parser
from nas.cost.cost import CostModel
from nas.data import load_data
from nas.model.folding import folded
from nas.model.network import build, count_params
from nas.model.supernet import Supernet
from nas.search.supernet_evaluator import SupernetSpec
from nas.search.supernets import own_blocks, supernet_key
from nas.space.space import SearchSpace, load_space
from nas.training.recipe import Recipe
from tests.cost.fvcore_counts import fvcore_macs
from tests.small_run import write_colours

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_block"
KIND = "partial_conv"


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> SearchSpace:
    known = dict(block_types())
    monkeypatch.setattr("nas.blocks._families", lambda: known)
    monkeypatch.setattr(user, "_loaded", {})
    load_blocks(EXAMPLE / "my_blocks.py")
    return load_space(str(EXAMPLE / "my_space.yaml")).for_classes(3)


def test_it_is_costed_like_any_other(space: SearchSpace) -> None:
    rng, costs, seen = random.Random(0), CostModel(), 0
    for _ in range(4):
        architecture = space.sample(rng)
        seen += sum(block.kind == KIND for _, _, block in architecture.blocks())
        network = folded(build(architecture))
        assert costs.cost(architecture).params == count_params(network)
        assert costs.cost(architecture).macs == fvcore_macs(network, (3, 32, 32))
    assert seen


def test_it_shares_weights_like_any_other(space: SearchSpace) -> None:
    supernet, rng = Supernet(space), random.Random(0)
    with torch.no_grad():
        for parameter in supernet.parameters():  # blocks begin as the identity, which would hide them
            parameter.add_(torch.randn_like(parameter) * 0.1)
    for training in (False, True):
        supernet.train(training)
        architecture, x = space.sample(rng), torch.randn(2, 3, 32, 32)
        extracted = supernet.extract(architecture)
        with torch.no_grad():
            assert torch.allclose(supernet(architecture, x), extracted(x), atol=1e-5)


def test_workers_get_its_text_and_the_supernet_is_named_after_it(space: SearchSpace, monkeypatch) -> None:
    (file,) = own_blocks(space)
    spec = SupernetSpec(space, Path("none"), "digits", None, 0, own_blocks(space))
    assert "FasterNetBlock" in spec.blocks[0].source
    data, recipe = load_data("digits", resolution=32), Recipe(epochs=1)
    key = supernet_key(space, data, recipe)
    edited = user.BlockFile(file.path, file.source + "\n# edited\n")
    edited.load()
    assert supernet_key(space, data, recipe) != key


def test_the_readmes_commands_are_legal() -> None:
    text = (EXAMPLE / "README.md").read_text()
    commands = re.findall(r"^nas (.*?)(?: +#.*)?$", text, flags=re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert build_parser().parse_args(shlex.split(command)).run is not None


def nas(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-c", "import sys; from nas.cli import main; sys.exit(main())", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """A folder with the example's files and a few images."""
    for name in ("my_blocks.py", "my_space.yaml"):
        shutil.copy(EXAMPLE / name, tmp_path)
    write_colours(tmp_path)
    return tmp_path


def search(folder: Path, address: str) -> Path:
    """Search with the example's space, as its README does but on few images; return the run."""
    flags = ["--blocks", "my_blocks.py", "--space", "./my_space.yaml", "--smoke", "--data", "colours.npz"]
    where = ["--final-seeds", "1", "--ray-address", address, "--workers", "1"]
    found = nas("search", "--target", "jetson-orin", *flags, *where, folder=folder)
    assert "failed" not in found
    (run,) = (folder / "runs").glob("jetson*")
    assert KIND in (run / "candidates.jsonl").read_text()
    return run


@pytest.mark.slow
def test_rays_workers_need_no_file(searched: Path) -> None:
    search(searched, "local")


@pytest.mark.slow
def test_a_search_with_it_needs_the_flag_once(searched: Path) -> None:
    run = search(searched, "inline")
    assert (run / "blocks.py").read_text() == (EXAMPLE / "my_blocks.py").read_text()
    assert yaml.safe_load((run / "config.yaml").read_text())["blocks"]
    (searched / "my_blocks.py").unlink()  # from here on the run's own copy counts
    (run / "export" / "model.onnx").unlink()
    assert "100.0 %" in nas("export", str(run), folder=searched)  # of the images have the same class
    assert (run / "export" / "model.onnx").is_file()
    assert "finished already" in nas("search", "--resume", str(run), folder=searched)
    architecture = run / "winner" / "architecture.json"
    assert "latency" in nas("predict", "--target", "host-cpu", "--architecture", str(architecture), folder=searched)
    assert "report.html" in nas("report", str(run), folder=searched)
