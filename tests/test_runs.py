import errno
import json
import os
import subprocess
import sys

import pytest

from nas import runs
from nas.errors import UserError
from nas.runs import RunDirectory, append_record, read_records


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-x", "a b", "x" * 101, "a\n", "é"])
def test_illegal_names_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="not legal"):
        RunDirectory.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_refused_unless_resumed(tmp_path):
    with RunDirectory.create(tmp_path, "one") as run:
        run.write_text("note", "kept")
    with pytest.raises(UserError, match="--resume"):
        RunDirectory.create(tmp_path, "one")
    with RunDirectory.create(tmp_path, "one", resume=True) as run:
        assert run.file("note").read_text() == "kept"


def test_open_names_a_missing_run(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        RunDirectory.open(tmp_path / "none")


def test_free_name_counts_and_cleans(tmp_path):
    assert runs.free_name(tmp_path, "coral-tiny") == "coral-tiny"
    (tmp_path / "coral-tiny").mkdir()
    (tmp_path / "coral-tiny-2").mkdir()
    assert runs.free_name(tmp_path, "coral-tiny") == "coral-tiny-3"
    assert runs.checked_name(runs.free_name(tmp_path, "../my device/ü")) == "my-device"
    assert runs.free_name(tmp_path, "//") == "run"


def test_two_processes_cannot_write_one_run(tmp_path):
    code = "import sys; from nas.runs import RunDirectory; RunDirectory.open(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tmp_path / "one")]
    with RunDirectory.create(tmp_path, "one"):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "being written by another process" in refused.stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_documents_are_replaced_whole(tmp_path):
    with RunDirectory.create(tmp_path, "one") as run:
        run.write_json("result.json", {"a": 1})
        with pytest.raises(ValueError, match="JSON"):
            run.write_json("result.json", {"a": float("nan")})
        assert run.read_json("result.json") == {"a": 1}
        run.write_yaml("config.yaml", {"b": [1, 2]})
        assert run.file("config.yaml").read_text() == "b:\n- 1\n- 2\n"
        assert sorted(p.name for p in run.path.iterdir()) == [".lock", "config.yaml", "result.json"]


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "x"
    runs.write_atomic(path, b"old")
    monkeypatch.setattr(runs.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        runs.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_damaged_documents_are_user_errors(tmp_path):
    with RunDirectory.create(tmp_path, "one") as run:
        run.write_text("result.json", "{")
        with pytest.raises(UserError, match="not valid JSON"):
            run.read_json("result.json")
        with pytest.raises(UserError, match="cannot be read"):
            run.read_json("none.json")


@pytest.mark.parametrize("tail", [b'{"n": 3, "dig', b'{"n": 3}', b"\0\0\0\n", b'{"n": 3, "dig\n'])
def test_a_half_written_last_line_is_dropped(tmp_path, tail):
    with RunDirectory.create(tmp_path, "one") as run:
        for n in range(3):
            run.append_record("c.jsonl", {"n": n})
        with run.file("c.jsonl").open("ab") as file:
            file.write(tail)
        assert [r["n"] for r in runs.read_records(run.file("c.jsonl"))] == [0, 1, 2]
        assert [r["n"] for r in run.recover_records("c.jsonl")] == [0, 1, 2]
        run.append_record("c.jsonl", {"n": 9})
        lines = run.file("c.jsonl").read_text().splitlines()
        assert [json.loads(line)["n"] for line in lines] == [0, 1, 2, 9]


def test_an_earlier_damaged_line_is_an_error_with_its_number(tmp_path):
    with RunDirectory.create(tmp_path, "one") as run:
        run.write_text("c.jsonl", '{"n": 0}\n{"n"\n{"n": 2}\n')
        with pytest.raises(UserError, match="line 2: damaged"):
            run.recover_records("c.jsonl")


def test_no_records_yet(tmp_path):
    with RunDirectory.create(tmp_path, "one") as run:
        assert run.recover_records("c.jsonl") == []
        run.write_text("c.jsonl", '{"n')
        assert run.recover_records("c.jsonl") == []


def test_versions_name_what_results_depend_on():
    found = runs.versions()
    assert {"python", "nas", "torch", "optuna"} <= set(found)


def test_importing_runs_stays_light():
    code = "import sys, nas.runs, nas.pareto; print([m for m in ('torch', 'optuna', 'ray') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_line_that_does_not_fit_on_the_disk_is_taken_back(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    append_record(path, {"number": 1})

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            append_record(path, {"number": 2})
    append_record(path, {"number": 3})
    assert read_records(path) == [{"number": 1}, {"number": 3}]


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(UserError, match=r"run .*run' cannot be written \(Read-only file system\)"):
        RunDirectory.open(tmp_path / "run")
