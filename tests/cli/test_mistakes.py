"""A mistake of the user ends in one line that names what is allowed, and exit code 2."""

import json
from pathlib import Path

import pytest

from nas.cli import main

SEARCH = ["search", "--target", "jetson-orin"]
PREDICT = ["predict", "--target", "jetson-orin"]
MISTAKES = {
    "no command": ([], "required: COMMAND"),
    "command": (["serch"], "did you mean 'search'?"),
    "flag": ([*SEARCH, "--samplr", "tpe"], "did you mean '--sampler'?"),
    "flag of another command": (["targets", "--jsn"], "did you mean '--json'?"),
    "a word too many": (["targets", "extra"], "unrecognized arguments: extra"),
    "shortened flag": ([*SEARCH, "--latency", "3"], "did you mean '--latency-ms'?"),
    "no target": (["search"], "known: "),
    "target": (["search", "--target", "jetson-orim"], "did you mean 'jetson-orin'?"),
    "target file": (["search", "--target", "./none.yaml"], "does not exist"),
    "space": ([*SEARCH, "--space", "tiny"], "did you mean 'tiny-hybrid'?"),
    "data": ([*SEARCH, "--data", "./none"], "allowed: 'digits'"),
    "sampler": ([*SEARCH, "--sampler", "tpee"], "did you mean 'tpe'?"),
    "evaluator": ([*SEARCH, "--evaluator", "proxi"], "did you mean 'proxy'?"),
    "proxy": ([*SEARCH, "--evaluator", "proxy:naswt"], "did you mean 'naswot'?"),
    "table of nothing": ([*SEARCH, "--evaluator", "table:none.csv"], "does not exist"),
    "table without a file": ([*SEARCH, "--evaluator", "table"], "table:FILE.csv"),
    "supernet that is not trained": ([*SEARCH, "--evaluator", "proxy", "--supernet-epochs", "3"], "would do nothing"),
    "rule": ([*SEARCH, "--select", "knees"], "did you mean 'knee'?"),
    "format": ([*SEARCH, "--format", "onx"], "did you mean 'onnx'?"),
    "no format": ([*SEARCH, "--format", ","], "must name at least one"),
    "ray address": ([*SEARCH, "--ray-address", "somewhere"], "allowed: local, auto, HOST:PORT"),
    "run name": ([*SEARCH, "--name", "a/b"], "is not legal"),
    "latency in words": ([*SEARCH, "--latency-ms", "quick"], "must be a number above 0, got 'quick'"),
    "latency below zero": ([*SEARCH, "--latency-ms", "-3"], "must be a number above 0"),
    "latency of no number": ([*SEARCH, "--latency-ms", "nan"], "must be a number above 0"),
    "macs": ([*SEARCH, "--macs", "5X"], "such as 300000, 300k or 1.2G"),
    "margin": ([*SEARCH, "--margin", "much"], "must be 0 or more and below 10, such as 0.1 for 10 %"),
    "slack": ([*SEARCH, "--accuracy-slack", "101"], "must be 0 to 100 points"),
    "seed": ([*SEARCH, "--seed", "-1"], "must be a whole number"),
    "evaluations": ([*SEARCH, "--evaluations", "0"], "at least 1"),
    "device": ([*SEARCH, "--device", "gpu"], "allowed: auto, cpu, cuda"),
    "gpus": ([*SEARCH, "--gpus-per-trial", "nan"], "must be 0 or more"),
    "warm start": ([*SEARCH, "--warm-start", "mobilenetv2_100"], "allowed: timm:NAME or timm:NAME=FILE"),
    "warm start outside the space": (
        [*SEARCH, "--warm-start", "timm:mobilenetv2_100"],
        "the space has 16, 24; published",
    ),
    "resume of nothing": (["search", "--resume", "runs/none"], "not a run"),
    "resume with other flags": (["search", "--resume", "runs/none", "--seed", "3"], "leave out --seed"),
    "nothing to predict": (PREDICT, "one of the arguments --model --architecture"),
    "two to predict": ([*PREDICT, "--model", "a", "--architecture", "b"], "not allowed with argument"),
    "model": ([*PREDICT, "--model", "timm:mobilenetv3_smal_100"], "did you mean 'mobilenetv3_small_100'?"),
    "resolution": ([*PREDICT, "--model", "timm:resnet18", "--resolution", "5000"], "allowed are 8 to 4096"),
    "impossible resolution": (
        [*PREDICT, "--model", "timm:levit_128", "--resolution", "200"],
        "cannot run at 200 pixels",
    ),
    "target of the zoo": (["zoo", "--target", "jetson-orim"], "did you mean 'jetson-orin'?"),
    "space of the zoo": (["zoo", "--space", "tiny"], "did you mean 'tiny-hybrid'?"),
    "architecture": ([*PREDICT, "--architecture", "none.json"], "none.json: not found"),
    "question to a supernet": (["supernet", "evil", "runs/none"], "allowed: eval RUN"),
    "supernet of nothing": (["supernet", "eval", "runs/none"], "not a run"),
    "export of nothing": (["export", "runs/none"], "expected a run, timm:NAME"),
    "export of no model": (["export", "timm:repvgg_a9"], "did you mean 'repvgg_a"),
    "export of no weights": (["export", "timm:lcnet_050=none.pth"], "no such file: none.pth"),
    "export of a run with data": (["export", ".", "--data", "digits"], "leave out --data"),
    "export of no run": (["export"], "required: RUN|timm:NAME[=FILE]|ARCHITECTURE"),
    "export format": (["export", "runs/none", "--format", "onx"], "did you mean 'onnx'?"),
    "compression of nothing": (["compress", "runs/none", "--steps", "int8"], "no such run"),
    "compression without steps": (["compress", "runs/none"], "required: --steps"),
    "step of a compression": (["compress", "runs/none", "--steps", "prun:0.3"], "did you mean 'prune'?"),
    "order of steps": (["compress", "runs/none", "--steps", "int8,prune:0.3"], "cannot follow int8"),
    "compressed timm model": (["compress", "timm:resnet_18", "--steps", "int8"], "did you mean 'resnet18'?"),
    "data of a run": (["compress", ".", "--steps", "int8", "--data", "digits"], "leave out --data"),
    "report of nothing": (["report", "runs/none"], "not found"),
    "space to show": (["spaces", "tiny-hybrd"], "did you mean 'tiny-hybrid'?"),
    "two spaces to show": (["spaces", "show", "tiny-hybrid", "mcu-tiny"], "one space can be shown"),
    "no space to show": (["spaces", "show"], "one space can be shown"),
    "picture of another kind": (["spaces", "tiny-hybrid", "--picture", "a.png"], "must end in .svg"),
    "picture nowhere": (["spaces", "tiny-hybrid", "--picture", "none/a.svg"], "the folder does not exist"),
    "blocks": ([*SEARCH, "--blocks", "none.py"], "blocks file 'none.py' cannot be read"),
    "blocks without space": (["spaces", "--blocks", "none.py"], "name the space"),
    "target without space": (["spaces", "--target", "jetson-orin"], "name the space"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(
    mistake: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, hint = MISTAKES[mistake]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nas: ")
    assert err.count("\n") == 1
    assert hint in err
    assert list(tmp_path.iterdir()) == []


def test_every_problem_of_a_file_is_listed_with_its_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps({"resolution": "big", "num_classes": 3, "stem": {}, "stages": [], "haed": {}}))
    assert main([*PREDICT, "--architecture", str(path)]) == 2
    err = capsys.readouterr().err
    assert "4 problems" in err
    for place in (
        "$.resolution: ",
        "$.stem.out_chs: required",
        "$.haed: unknown key; did you mean 'head'?",
        "$.head: ",
    ):
        assert place in err
    assert "Traceback" not in err


def test_a_file_that_is_no_yaml_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("name: [unclosed")
    assert main(["spaces", str(path)]) == 2
    assert f"{path}: not valid YAML" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.hardware.profile.profile_names", stop)
    assert main(["targets"]) == 130
    assert "--resume" in capsys.readouterr().err
