"""Searches that are killed at random moments lose nothing; `make chaos` does it a hundred times."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kills import kill_small_searches  # noqa: E402


def test_killed_drivers_lose_nothing(tmp_path):
    tally = kill_small_searches(tmp_path, kills=2, seed=5, evaluations=20, say=lambda _: None)
    assert tally.kills == 2
    assert tally.clean, tally
