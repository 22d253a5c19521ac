"""What may stand behind a flag."""

import argparse

import pytest

from nas.cli.values import duration


@pytest.mark.parametrize(("text", "seconds"), [("2h", 7200), ("30m", 1800), ("90s", 90), ("1h30m", 5400), ("0.5m", 30)])
def test_times_are_read_in_units(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "30m1h", "-3m", "0s", "2 h", "1d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="such as 2h"):
        duration(text)
