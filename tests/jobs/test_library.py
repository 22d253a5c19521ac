"""The search as a Python call: plain arguments, objects for names, and a result to work with."""

import inspect
import json
import re
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from nas import SearchSpace, Target, resume, search
from nas.errors import UserError
from nas.hardware.profile import load_profile
from nas.jobs.library import Result
from nas.space.document import space_names
from nas.space.writing import space_text
from tests.small_run import small_wishes
from tools.write_cli_docs import commands

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "python_search" / "search.py"


@pytest.fixture
def small(tmp_path: Path) -> dict[str, object]:
    """The arguments of a search of two seconds."""
    small_wishes(tmp_path)
    effort = {"supernet_epochs": 1, "evaluations": 6, "finalists": 1, "finalist_epochs": 1}
    where = {"runs_dir": tmp_path / "runs", "ray_address": "inline", "formats": ("onnx",)}
    return {"data": tmp_path / "colours.npz", "latency_ms": 10, **effort, **where}


def test_objects_in_a_result_out_and_again(small: dict[str, object], tmp_path: Path) -> None:
    space = SearchSpace.load(str(tmp_path / "toy.yaml"))
    target = Target(load_profile("jetson-orin"))  # from nowhere: it has to be kept with the run
    first = search(target, space=space, **small)
    assert first.path.parent == tmp_path / "runs"
    assert all(file.is_file() for file in (*first.exported, first.report))
    assert first.winner.architecture in {n.architecture for n in (*first.front, *first.baselines)}
    assert first.network()(torch.zeros(2, 3, 16, 16)).shape == (2, 3)
    assert first.winner.latency_ms <= 10
    again = resume(first.path)
    assert again.winner == first.winner

    handler = []

    def call() -> None:  # another thread, as in a server: no signal handler can be set there
        handler.append(search("jetson-orin", space=str(tmp_path / "toy.yaml"), **small))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert [n.architecture for n in handler[0].front] == [n.architecture for n in first.front]
    assert handler[0].path != first.path


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"latency_ms": "quick"}, "latency_ms: expected a number"),
        ({"select": "knees"}, "did you mean 'knee'?"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"workers": 0, "ray_address": "local"}, "at least one worker"),
        ({"formats": "onnx"}, "expected a list"),
        ({"via": "ssh://a"}, "leave them out"),
        ({"accuracy_slack": 101}, "must be between 0 and 1"),
        ({"name": "../x"}, "is not legal"),
    ],
)
def test_a_wrong_argument_is_a_user_error(wrong: dict[str, object], hint: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(hint)):
        search("jetson-orin", **{"ray_address": "inline", "runs_dir": tmp_path / "runs", **wrong})
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", space_names())
def test_a_space_written_is_the_space_read(name: str) -> None:
    space = SearchSpace.load(name)
    import yaml

    assert SearchSpace.read(yaml.safe_load(space_text(space))) == space


@pytest.mark.parametrize("verdict", ["Take plain.", {"text": "Take plain.", "take": "plain"}])
def test_the_verdict_is_given_in_words(verdict: object, tmp_path: Path) -> None:
    assert Result(tmp_path, {"verdict": verdict}, tmp_path / "report.html").verdict == "Take plain."


def test_every_flag_is_an_argument() -> None:
    from nas.jobs.library import search as function

    flags = {o for a in commands()["search"]._actions for o in a.option_strings if o.startswith("--")}
    renamed = {"--format": "formats", "--time-budget": "time_budget_s", "--no-measure": "measure_host"}
    wanted = {renamed.get(flag, flag[2:].replace("-", "_")) for flag in flags - {"--help", "--resume"}}
    assert wanted == set(inspect.signature(function).parameters) - {"watch"}


def test_importing_the_package_is_light_and_gives_the_same_search_always() -> None:
    code = (
        "import sys, nas; heavy = {'torch', 'ray', 'optuna'}; assert not heavy & set(sys.modules)\n"
        "from nas import search; assert not heavy & set(sys.modules)\n"
        "import nas.search.engine; from nas import search as again; assert again is search and callable(again)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_page_shows_the_example() -> None:
    block = re.search(r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    assert block[1] == EXAMPLE.read_text()


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "the winner: " in capsys.readouterr().out
    result = json.loads(next((tmp_path / "runs").glob("*/result.json")).read_text())
    assert result["counts"]["evaluated"] == 12
