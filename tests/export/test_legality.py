import pytest

from nas.export import format_names
from nas.export.legality import Fallback, Legality, _devices, check, grouped

WHOLE = Legality("Chip", 3, (), 0, 0.0, (), ("room for all",), ("on a chip",), "by its book")


def test_a_file_that_a_device_takes_whole_says_so_and_what_was_not_checked() -> None:
    assert WHOLE.legal
    assert WHOLE.lines() == ("Chip: takes all 3 operators (by its book)", "room for all", "not checked: on a chip")


def test_what_runs_elsewhere_is_told_with_its_share() -> None:
    part = Legality("Chip", 4, (Fallback("GELU", (2,), "unknown"),), 2, 0.375, (), (), (), "by its book")
    assert not part.legal
    assert part.lines()[0] == "Chip: 2 of 4 operators (37.5 % of the MACs) run elsewhere (by its book)"
    assert part.lines()[1] == "GELU, operator 2: unknown"


def test_operators_of_one_kind_and_reason_are_told_together() -> None:
    refused = [(1, "GELU", "unknown"), (3, "MEAN", "batch"), (7, "GELU", "unknown"), (9, "GELU", "dynamic")]
    lines = [fallback.line() for fallback in grouped(refused)]
    assert lines == [
        "GELU x 2, the first as operator 1: unknown",
        "MEAN, operator 3: batch",
        "GELU, operator 9: dynamic",
    ]


def test_a_file_with_a_problem_is_not_legal() -> None:
    assert not Legality("Chip", 3, (), 0, 0.0, ("input is FLOAT32",), (), (), "by its book").legal


def test_devices_name_formats_that_there_are() -> None:
    assert len(_devices()) >= 2
    assert all(set(device.formats) <= set(format_names()) for device in _devices())


@pytest.mark.parametrize("name", ["onnx", "timm"])
def test_formats_without_a_device_are_not_looked_at(name: str, tmp_path) -> None:
    assert check(name, tmp_path / "there is no such file") == ()
