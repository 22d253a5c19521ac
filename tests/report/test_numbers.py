import pytest

from nas.report.numbers import NOTHING, compact, counted, duration, memory, milliseconds, percent, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234.5, "1,234"),
        (123.4, "123"),
        (1.0, "1.00"),
        (0.9996, "1.00"),
        (99.96, "100"),
        (0.01234, "0.0123"),
        (-2.5, "-2.50"),
        (None, NOTHING),
        (float("inf"), NOTHING),
    ],
)
def test_significant_digits(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (999, "999"), (1500, "1.50 k"), (5_104_000, "5.10 M"), (2.5e9, "2.50 G")]
)
def test_counts_get_a_letter(value, text):
    assert compact(value) == text


@pytest.mark.parametrize(("value", "text"), [(5, "5 bytes"), (1536, "1.50 KiB"), (7 * 2**20, "7.00 MiB")])
def test_memory_is_binary(value, text):
    assert memory(value) == text


@pytest.mark.parametrize(("value", "text"), [(4.12, "4.1 s"), (59, "59 s"), (62.5, "1 min 2 s"), (7800, "2 h 10 min")])
def test_durations(value, text):
    assert duration(value) == text


def test_percent_and_milliseconds():
    assert percent(0.9534) == "95.3 %"
    assert percent(0.09, 0) == "9 %"
    assert milliseconds(0.7534) == "0.753 ms"


def test_one_thing_is_no_plural():
    assert [counted(n, "training") for n in (1, 3)] == ["1 training", "3 trainings"]
    assert [counted(n, "pass", "passes") for n in (0, 1)] == ["0 passes", "1 pass"]


def test_nothing_is_a_dash():
    assert {write(None) for write in (compact, memory, duration, percent, milliseconds)} == {NOTHING}
