"""A user's table of latencies: what is read, and every way in which it may be wrong."""

import math

import pytest

from nas.errors import UserError
from nas.hardware.latency_table import Row, merged, read_table, suspicions

GOOD = [f"timm:net{i},{i + 1}.5,224" for i in range(5)]


@pytest.fixture
def table(tmp_path):
    def read(*lines, header="network,latency_ms,resolution"):
        path = tmp_path / "latencies.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return read_table(path)

    return read


def test_rows_are_read_with_their_lines(table):
    found = table(*GOOD)
    assert found.problems == ()
    assert found.rows[1] == Row(3, "timm:net1", 2.5, 224)


def test_the_resolution_may_be_left_out(table):
    found = table(*(f"timm:net{i},{i + 1}" for i in range(5)), header="network, latency_ms")
    assert {row.resolution for row in found.rows} == {None}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("timm:a,-1,", "line 7: latency_ms -1 is not above 0"),
        ("timm:a,nan,", "line 7: latency_ms nan is not above 0"),
        ("timm:a,0,", "line 7: latency_ms 0 is not above 0"),
        ("timm:a,quick,", "line 7: latency_ms 'quick' is not a number"),
        (",1,", "line 7: no network is named"),
        ("timm:a,1,big", "line 7: resolution 'big' is not a whole number"),
        ("timm:net0,3,224", "line 7: timm:net0 took 3 ms here and 1.5 ms in line 2"),
    ],
)
def test_a_wrong_line_is_named(table, line, problem):
    assert table(*GOOD, line).problems[0].startswith(problem)


def test_all_problems_come_together(table):
    found = table(*GOOD, ",x,", "timm:b,-3,")
    assert len(found.problems) == 3


def test_a_constant_column_teaches_nothing(table):
    assert "constant column" in table(*(f"timm:net{i},2.0," for i in range(5))).problems[0]


def test_few_rows_are_refused(table):
    assert table(*GOOD[:4]).problems == ("4 rows, at least 5 are needed to correct a profile",)


@pytest.mark.parametrize("header", ["network,latency", "network;latency_ms", "name,latency_ms"])
def test_the_columns_have_to_be_right(table, header):
    with pytest.raises(UserError, match="the first line has to be: network,latency_ms,resolution"):
        table(*GOOD, header=header)


def test_agreeing_duplicates_count_once():
    rows = [Row(2, "a", 2.0, None), Row(3, "b", 5.0, None), Row(4, "a", 2.1, None)]
    assert [(row.network, row.line) for row in merged(rows)] == [("a", 2), ("b", 3)]
    assert merged(rows)[0].latency_ms == pytest.approx(math.sqrt(4.2))


PREDICTED = [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("factor", "said"),
    [(1e-3, "in seconds"), (1e3, "in microseconds"), (8.0, "a batch of 8 images"), (31.0, "a batch of 32 images")],
)
def test_a_common_factor_is_suspicious(factor, said):
    assert said in suspicions([factor * p for p in PREDICTED], PREDICTED)[0]


@pytest.mark.parametrize("factors", [[1.0] * 5, [2.5] * 5, [2.0, 4.0, 8.0, 16.0, 32.0]])
def test_other_factors_are_not(factors):
    assert suspicions([f * p for f, p in zip(factors, PREDICTED, strict=True)], PREDICTED) == []
