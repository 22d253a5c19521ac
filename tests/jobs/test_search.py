"""A search whose export fails ends in an error, and in everything else that a run has."""

from dataclasses import replace

import pytest

from nas import runs
from nas.errors import NasError
from nas.jobs.search import start
from nas.search.watch import Silent
from tests.small_run import small_wishes


def test_a_file_that_fails_its_check_costs_only_itself(tmp_path, monkeypatch):
    def refused(network, name, folder):
        raise NasError(f"model.{name} does NOT match PyTorch")

    monkeypatch.setattr("nas.export.run._export", refused)
    wishes = replace(small_wishes(tmp_path), formats=("onnx",))
    with pytest.raises(NasError, match="model.onnx does NOT match PyTorch\nthe rest of the run is finished: .*html"):
        start(wishes, runs_dir=tmp_path / "runs", name="small", watch=Silent())
    path = tmp_path / "runs" / "small"
    assert runs.finished(path)
    assert runs.read_json(path / runs.RESULT)["verification"] == []
    assert (path / "winner" / "README.md").is_file()
