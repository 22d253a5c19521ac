"""A search inside a program that has a Ray of its own."""

import os
from pathlib import Path

import pytest

from nas import search
from tests.small_run import small_wishes


@pytest.mark.slow
def test_a_ray_of_the_callers_is_used_and_left(tmp_path: Path, ray_session: object) -> None:
    import ray

    small_wishes(tmp_path)
    before = {k: v for k, v in os.environ.items() if k.startswith(("TUNE", "RAY_AIR"))}
    job = ray.get_runtime_context().get_job_id()
    effort = {"supernet_epochs": 1, "evaluations": 6, "finalists": 1, "finalist_epochs": 1, "workers": 1}
    where = {"data": tmp_path / "colours.npz", "space": tmp_path / "toy.yaml", "runs_dir": tmp_path / "runs"}
    result = search("jetson-orin", latency_ms=10, **effort, **where)
    assert result.document["counts"]["evaluated"] == 6
    assert ray.is_initialized()
    assert ray.get_runtime_context().get_job_id() == job
    assert {k: v for k, v in os.environ.items() if k.startswith(("TUNE", "RAY_AIR"))} == before
