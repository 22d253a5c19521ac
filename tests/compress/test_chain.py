import dataclasses
import json
from pathlib import Path

import pytest
import torch

from nas.compress import chain, parse_steps
from nas.compress.chain import Outcome, Wishes, compress
from nas.compress.subject import Subject
from nas.data import ImageData
from nas.errors import UserError
from nas.search.watch import Silent
from tests.compress.conftest import tiny_network


@pytest.fixture
def subject(few_digits: ImageData) -> Subject:
    return Subject("tiny", tiny_network(), tiny_network, True, few_digits, "host-cpu")


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.compress.measure._ROUNDS", 1)
    monkeypatch.setattr("nas.compress.measure._SECONDS", 0.01)


def run(subject: Subject, steps: str, folder: Path, **wishes: object) -> Outcome:
    return compress(subject, Wishes(parse_steps(steps), epochs=1, **wishes), folder, Silent())


def test_another_chain_in_the_folder_is_refused(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / chain.TABLE).write_text(json.dumps({"chain": {}, "rows": []}))
    with pytest.raises(UserError, match="holds another chain"):
        run(subject, "lowrank:0.5", tmp_path / "a")


@pytest.mark.parametrize(
    ("steps", "teacher", "said"),
    [
        ("lowrank:0.5", "largest", "none of the steps is distill"),
        ("distill", "largest", "only a run has a supernet"),
        ("distill", "nothing", "allowed: largest, timm:NAME"),
        ("distill", "timm:resnet_18", "did you mean 'resnet18'"),
        ("distill", "timm:resnet18=none.pth", "no such file"),
    ],
)
def test_a_wrong_teacher_is_said_before_any_work(
    subject: Subject, tmp_path: Path, steps: str, teacher: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run(subject, steps, tmp_path / "a", teacher=teacher)
    assert not (tmp_path / "a" / chain.TABLE).exists()


@pytest.mark.slow
def test_a_chain_leaves_checked_files_and_true_figures(subject: Subject, tmp_path: Path) -> None:
    for package in ("torch_pruning", "torchao"):
        pytest.importorskip(package)
    outcome = run(subject, "distill,prune:0.5,lowrank:0.5,int8", tmp_path / "a")
    before, last = outcome.rows[0], outcome.rows[-1]
    assert [row.step for row in outcome.rows] == ["before", "distill", "prune:0.5", "lowrank:0.5", "int8"]
    assert last.macs < before.macs and last.params < before.params
    assert 4 * last.weights_bytes < before.weights_bytes
    assert before.predicted_ms is not None and last.predicted_ms is None  # the profile is of float32
    assert all(row.measured_ms > 0 for row in outcome.rows)
    assert (tmp_path / "a" / "model.onnx").stat().st_size == last.file_bytes
    graph = torch.export.load(tmp_path / "a" / "model.pt2").module()
    assert graph(torch.zeros(3, 3, 32, 32)).shape == (3, 10)


@pytest.mark.slow
def test_a_chain_that_was_stopped_goes_on_as_if_it_was_not(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    whole = chain.apply

    def stopping(work: object, step: object) -> object:
        if done and not stopping.resumed:
            raise KeyboardInterrupt
        done.append(str(step))
        return whole(work, step)

    stopping.resumed = False
    monkeypatch.setattr(chain, "apply", stopping)
    with pytest.raises(KeyboardInterrupt):
        run(subject, "lowrank:0.7,sparse:0.5", tmp_path / "a")
    stopping.resumed = True
    resumed = run(subject, "lowrank:0.7,sparse:0.5", tmp_path / "a")
    assert done == ["lowrank:0.7", "sparse:0.5"]
    straight = run(subject, "lowrank:0.7,sparse:0.5", tmp_path / "b")
    assert _figures(resumed) == _figures(straight)
    assert resumed.test_accuracy == straight.test_accuracy
    again = run(subject, "lowrank:0.7,sparse:0.5", tmp_path / "a")
    assert again == resumed


@pytest.mark.slow
def test_an_untrained_subject_is_trained_first(subject: Subject, tmp_path: Path) -> None:
    fresh = dataclasses.replace(subject, trained=False)
    outcome = run(fresh, "int4", tmp_path / "a")
    assert outcome.rows[0].details == "trained on the data first"
    assert outcome.rows[1].computed
    assert outcome.rows[1].weights_bytes < 0.2 * outcome.rows[0].weights_bytes


def _figures(outcome: Outcome) -> list[object]:
    return [dataclasses.replace(row, measured_ms=0.0, seconds=0.0) for row in outcome.rows]
