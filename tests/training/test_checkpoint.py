from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from nas.errors import UserError
from nas.training.checkpoint import load_state, save_state


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"weights": {"w": torch.arange(3)}, "history": [{"loss": 0.5}]})
    state = load_state(path)
    assert torch.equal(state["weights"]["w"], torch.arange(3))
    assert state["history"] == [{"loss": 0.5}]
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


def test_a_failed_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"epoch": 1})

    def full_disk(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_state(path, {"epoch": 2})
    assert load_state(path)["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04broken"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"state\.pt: not a readable training state .* delete it to train anew"):
        load_state(path)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "x": Harmful()}, tmp_path / "state.pt")
    with pytest.raises(UserError, match=r"state\.pt: not a readable training state"):
        load_state(tmp_path / "state.pt")
    assert not (tmp_path / "harmed").exists()


def test_another_format_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": 1}, tmp_path / "state.pt")
    with pytest.raises(UserError, match="not a training state of format 1"):
        load_state(tmp_path / "state.pt")
