import pytest

from nas.report.scales import Scale, fit, linear_ticks, log_ticks, tick_text


@pytest.mark.parametrize("log", [False, True])
def test_a_scale_maps_its_ends(log):
    scale = Scale(1.0, 100.0, 40.0, 540.0, log=log)
    assert scale(1.0) == pytest.approx(40.0)
    assert scale(100.0) == pytest.approx(540.0)
    assert scale(10.0) == pytest.approx(290.0 if log else 40.0 + 500 * 9 / 99)


@pytest.mark.parametrize("values", [[], [3.0], [2.0, 2.0], [0.0], [1.0, 5.0], [1.0, 5000.0], [-1.0, 1.0]])
def test_every_value_has_room(values):
    scale = fit(values, 0.0, 100.0, may_log=True)
    assert scale.low < scale.high
    assert all(0.0 <= scale(v) <= 100.0 for v in values)
    assert all(-1e-6 <= scale(t) <= 100.0 + 1e-6 for t in scale.ticks(5))


def test_a_wide_range_is_logarithmic_where_allowed():
    assert fit([1.0, 100.0], 0, 1, may_log=True).log
    assert not fit([1.0, 100.0], 0, 1).log
    assert not fit([0.0, 100.0], 0, 1, may_log=True).log


def test_linear_ticks_are_round():
    assert linear_ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    assert linear_ticks(93.1, 97.2, 5) == [94, 95, 96, 97]
    assert linear_ticks(0.1, 0.32, 4) == [0.1, 0.2, 0.3]


def test_log_ticks_are_round_and_not_too_many():
    assert log_ticks(0.8, 12, 6) == [1, 2, 3, 5, 10]
    assert log_ticks(1, 1e6, 5) == [1, 10, 100, 1000, 1e4, 1e5, 1e6]
    assert len(log_ticks(1e-9, 1e9, 5)) <= 7


def test_ticks_are_written_shortly():
    assert [tick_text(v) for v in (0.5, 10.0, 2000.0, 1.15)] == ["0.5", "10", "2,000", "1.15"]
