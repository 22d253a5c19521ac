"""Rank and width searched together, from the supernet to the exported file."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.artefacts import load_winner
from nas.jobs.search import start
from nas.search.watch import Silent
from nas.space.space import load_space
from tests.small_run import small_wishes


@pytest.mark.slow
def test_low_ranks_are_searched_and_a_winner_of_low_rank_is_exported(tmp_path: Path) -> None:
    text = Path("search_spaces/tiny-compressed.yaml").read_text(encoding="utf-8")
    low = text.replace("rank: [1, ", "rank: [").replace("resolution: 32", "resolution: 16").replace(", rank: 1}", "}")
    (tmp_path / "low.yaml").write_text(low.replace("rank: 1, ", ""), encoding="utf-8")
    wishes = replace(small_wishes(tmp_path), space=str(tmp_path / "low.yaml"), formats=("onnx", "timm"))
    start(wishes, runs_dir=tmp_path / "runs", name="low", watch=Silent())
    architecture, _ = load_winner(tmp_path / "runs" / "low" / "winner")
    ranks = {getattr(block, "rank", 1.0) for stage in architecture.stages for block in stage}
    assert min(ranks) < 1
    assert not load_space("tiny-hybrid").contains(architecture)
    assert list((tmp_path / "runs" / "low").rglob("model.onnx"))
