"""The model card of a tiny run: its lines of code run as they stand, in processes of their own."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from nas import torch_compat
from nas.artefacts import save_winner
from nas.export.formats import exporter, format_names, missing_modules
from nas.export.run import export_run
from nas.export.winner import describe_winner
from nas.model.network import build
from nas.report.card import CARD, PAGE, write_card
from nas.space.space import load_space

FORMATS = ("onnx", "torch", "tensorrt")
NAMES = ["ant", "bee", "cat"]
PRELUDE = """
import contextlib, io, json, sys
sys.modules["nas"] = None
mended = {{"__name__": "compat", "__file__": {compat!r}}}
exec(open(mended["__file__"]).read(), mended)
mended["prepare"]()
for name, code in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(code, {{}})
    print(name, said.getvalue().strip().splitlines()[-1], sep="=")
"""
RESULT = {
    **{"target": "jetson-orin", "space": "tiny-hybrid", "seed": 0, "versions": {"torch": torch.__version__}},
    "evidence": {"kind": "datasheet", "networks": 0, "sources": ["a data sheet"], "note": None},
    "test_images": 40,
}
CONFIG = "effort: {finalist: {epochs: 3, lr: 0.002, ema_decay: null}}\nwarm_start: timm:some_network\n"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of one tiny network, exported in the formats that need nothing else."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    path.mkdir()
    architecture = load_space("tiny-hybrid").for_classes(3).smallest()
    network = build(architecture, seed=0)
    network(torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    pixels = np.random.default_rng(0).integers(0, 255, (90, 32, 32, 3), dtype=np.uint8)
    np.savez(path / "images.npz", images=pixels, labels=np.arange(90) % 3, class_names=np.array(NAMES))
    save_winner(path / "winner", architecture, network.eval())
    winner = {"architecture": json.loads(architecture.to_json()), "digest": architecture.digest, "macs": 123456}
    winner |= {"params": 7, "latency_ms": 1.5, "latency_interval_ms": [0.5, 4.5], "test_accuracy": 0.75}
    result = {**RESULT, "data": str(path / "images.npz"), "winner": winner}
    (path / "result.json").write_text(json.dumps(result))
    (path / "config.yaml").write_text(CONFIG)
    PIL.Image.fromarray(pixels[0]).resize((50, 40)).save(path / "photo.jpg")
    describe_winner(path)
    export_run(path, FORMATS)
    write_card(path)
    return path


def codes(run_dir: Path) -> dict[str, tuple[str, str]]:
    """Return the lines of code that the page gives, with their language, by format."""
    page = (run_dir / "winner" / PAGE).read_text(encoding="utf-8")
    found = re.findall(r"^### (\S+): `[^`]*`\n\n```(\w+)\n(.*?)\n```", page, flags=re.MULTILINE | re.DOTALL)
    return {name: (language, text) for name, language, text in found}


def expected_class(run_dir: Path) -> int:
    """Return the class of the photo by the network itself, prepared as in training."""
    from nas.artefacts import load_winner

    card = json.loads((run_dir / "winner" / CARD).read_text(encoding="utf-8"))["input"]
    pixels = PIL.Image.open(run_dir / "photo.jpg").resize((card["resolution"],) * 2)
    image = (np.asarray(pixels) / 255 - card["mean"]) / card["std"]
    with torch.no_grad():
        return int(load_winner(run_dir / "winner")[1](torch.tensor(image).float().permute(2, 0, 1)[None]).argmax())


def test_every_exported_file_and_the_folder_itself_have_their_lines(run_dir: Path) -> None:
    assert "torchvision are of different builds" in (run_dir / "winner" / PAGE).read_text()
    assert codes(run_dir).keys() == {"timm", *FORMATS}
    assert {name for name, (language, _) in codes(run_dir).items() if language == "python"} == {"timm", "onnx", "torch"}
    assert all(len(text.splitlines()) <= 5 for _, text in codes(run_dir).values())


def test_the_lines_run_as_they_stand(run_dir: Path) -> None:
    found = run_lines(
        {name: text for name, (language, text) in codes(run_dir).items() if language == "python"}, run_dir
    )
    assert (found["onnx"], found["torch"]) == (str(expected_class(run_dir)),) * 2
    assert found["timm"] in map(str, range(3))  # it shrinks and crops the photo in its own way


def run_lines(codes: dict[str, str], folder: Path) -> dict[str, str]:
    """Run each code in one process, which has nothing of ours, and return what each prints."""
    given = [PRELUDE.format(compat=torch_compat.__file__), json.dumps(codes)]
    done = subprocess.run([sys.executable, "-B", "-c", *given], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=") for line in done.stdout.splitlines() if "=" in line)


def converted(name: str):
    missing = missing_modules(name)
    return pytest.param(name, marks=[pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")])


@pytest.mark.slow
@pytest.mark.parametrize("name", [converted(n) for n in format_names() if n not in FORMATS])
def test_the_lines_of_every_format_run(name: str, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = importlib.import_module("nas.export.verify")  # the package has a function of that name
    monkeypatch.setattr(checks, "LEAST_INTEGER_AGREEMENT", 0.5)  # it is untrained, and the images are few
    monkeypatch.setattr(checks, "MOST_KERNEL_GAP_DB", 6.0)
    export_run(run_dir, [name])
    write_card(run_dir)
    language, lines = codes(run_dir)[name]
    assert language == "sh" or run_lines({name: lines}, run_dir)[name] in map(str, range(3))
    assert f"model{exporter(name).suffix}" in lines


def test_the_card_says_what_the_network_is_and_on_what_evidence(run_dir: Path) -> None:
    card = json.loads((run_dir / "winner" / CARD).read_text(encoding="utf-8"))
    assert card["class_names"] == NAMES
    assert card["metrics"]["latency_interval_ms"] == [0.5, 4.5]
    assert card["hardware"]["evidence"]["kind"] == "datasheet"
    assert card["recipe"] == {"epochs": 3, "lr": 0.002, "ema_decay": None, "warm_start": "timm:some_network"}
    page = (run_dir / "winner" / PAGE).read_text(encoding="utf-8")
    for words in (
        "No network was ever measured on this device",
        "expected 0.500 ms to 4.50 ms",
        "75.0 %",
        "a data sheet",
    ):
        assert words in page
    assert "no engine was built here" in page
    assert "stage 1  [" in page


def test_a_licence_that_was_written_in_stays(run_dir: Path) -> None:
    path, page = run_dir / "winner" / CARD, run_dir / "winner" / PAGE
    assert "Not stated" in page.read_text(encoding="utf-8")
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**card, "licence": "apache-2.0"}), encoding="utf-8")
    write_card(run_dir)
    assert json.loads(path.read_text(encoding="utf-8"))["licence"] == "apache-2.0"
    assert "\nlicense: apache-2.0\n" in page.read_text(encoding="utf-8")


def test_a_file_that_was_rejected_is_told_with_the_reason(run_dir: Path) -> None:
    path = run_dir / "export" / "verification.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    wrong = {"format": "toy", "file": "model.toy", "passed": False, "shortcomings": ["same class on 3.0 %"]}
    path.write_text(json.dumps([*entries, {**entries[0], **wrong}]), encoding="utf-8")
    write_card(run_dir)
    assert "`model.toy` was rejected: same class on 3.0 %" in (run_dir / "winner" / PAGE).read_text(encoding="utf-8")
    assert "toy" not in codes(run_dir)
    path.write_text(json.dumps(entries), encoding="utf-8")
    write_card(run_dir)


def test_a_file_that_is_gone_or_was_rejected_has_no_lines(run_dir: Path) -> None:
    path = run_dir / "export" / "model.pt2"
    away = path.replace(path.with_suffix(".away"))
    write_card(run_dir)
    assert "torch" not in codes(run_dir)
    away.replace(path)
    write_card(run_dir)
    assert "torch" in codes(run_dir)
