"""Searches that are killed at random moments lose nothing; `make chaos` does it a hundred times."""

from tests.chaos.kills import kill_small_searches


def test_killed_drivers_lose_nothing(tmp_path):
    tally = kill_small_searches(tmp_path, kills=2, seed=5, evaluations=20, say=lambda _: None)
    assert tally.kills == 2
    assert tally.clean, tally
