"""Whatever a user gives: no traceback, no hang, nothing written outside the runs. `make chaos` draws hundreds."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nas.cli import main
from nas.hardware.profile import FOLDER as PROFILES
from nas.resources import shipped_dir
from nas.space.document import FOLDER as SPACES
from nas.space.space import load_space
from tests.chaos.bad_input import (
    HOSTILE,
    Attempt,
    archives,
    checkpoints,
    documents,
    flags,
    images,
    problem,
    refuse_search,
    tables,
)
from tests.small_run import SPACE, small_run

EXAMPLES = int(os.environ.get("NAS_BAD_INPUTS", "4"))
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
PROFILE = yaml.safe_load((shipped_dir(PROFILES) / "jetson-orin.yaml").read_text())
TINY = yaml.safe_load((shipped_dir(SPACES) / "tiny-hybrid.yaml").read_text())
SMALLEST = load_space("tiny-hybrid").smallest().to_dict()
PREDICT = ["predict", "--target", "jetson-orin", "--architecture", "{dir}/a.json"]

INPUTS: dict[str, st.SearchStrategy[Attempt]] = {
    "flags": flags(),
    "space": documents("s.yaml", TINY, ["spaces", "{dir}/s.yaml", "--json"]),
    "small space": documents(
        "s.yaml", yaml.safe_load(SPACE), ["search", "--target=jetson-orin", "--space={dir}/s.yaml"]
    ),
    "target": documents("t.yaml", PROFILE, ["predict", "--target", "{dir}/t.yaml", "--model", "timm:resnet10t"]),
    "architecture": documents("a.json", SMALLEST, PREDICT, as_json=True),
    "measurements": tables("m.csv", ["calibrate", "--target", "jetson-orin", "--measurements", "{dir}/m.csv"]),
    "archive": archives(),
    "images": images(),
    "checkpoint": checkpoints(),
}


@pytest.fixture(autouse=True)
def _no_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_NO_MEASURE", "1")
    monkeypatch.setattr("nas.search.engine.search", refuse_search)
    monkeypatch.setattr("nas.jobs.host.suited_target", lambda target, *_, **__: target)


def check(attempt: Attempt, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Path.cwd()
    place = folder / "holder" / "here"
    shutil.rmtree(place.parent, ignore_errors=True)
    place.mkdir(parents=True)
    capsys.readouterr()
    try:
        found = problem(attempt, place, lambda: tuple(capsys.readouterr()))  # type: ignore[arg-type]
    finally:
        os.chdir(home)
    assert found is None, (found, attempt.arguments, {n: c[:600] for n, c in attempt.files.items()})


@pytest.mark.parametrize("kind", INPUTS)
def test_generated(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=CHECKS,
        phases=[Phase.explicit, Phase.generate],
    )
    @given(INPUTS[kind])
    def each(attempt: Attempt) -> None:
        check(attempt, tmp_path, capsys)

    each()


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_yaml(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(Attempt(["spaces", "{dir}/s.yaml"], {"s.yaml": HOSTILE[number]}), tmp_path, capsys)


def test_links_in_a_circle(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    classes = tmp_path / "pictures" / "a"
    classes.mkdir(parents=True)
    (classes / "again").symlink_to(tmp_path / "pictures")
    (classes / "x.png").symlink_to(classes / "x.png")
    assert main(["search", "--target", "jetson-orin", "--data", "./pictures"]) == 2
    assert "x.png" in capsys.readouterr().err


@pytest.mark.slow
def test_documents_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (tmp_path / "made").mkdir()
    path = small_run(tmp_path / "made").path
    for name in ("config.yaml", "result.json", "candidates.jsonl", "asked.jsonl", "progress.json"):
        if not (path / name).exists():
            continue
        kept = (path / name).read_bytes()
        for content in [
            *HOSTILE[:: 1 if EXAMPLES > 10 else 6],
            b"{}",
            b'{"winner": {}}',
            b'{"a": NaN}',
            kept[: len(kept) // 2],
        ]:
            (path / name).write_bytes(content)
            for command in (["status"], ["report"], ["select"], ["search", "--resume"], ["specialise", "--dry-run"]):
                try:
                    code = main([*command, str(path)])
                except SystemExit as stop:
                    code = stop.code
                assert code in (0, 1, 2), (name, content[:50], command)
                err = capsys.readouterr().err
                told = code == 0 or err.startswith("nas: ") or command == ["status"]  # which tells of damage itself
                assert told, (name, content[:50], command)
        (path / name).write_bytes(kept)
