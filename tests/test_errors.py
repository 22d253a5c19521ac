"""Messages name the nearest legal name."""

import pytest

from nas.errors import nearest, unknown_name

NAMES = ("tiny-hybrid", "mcu-tiny", "mobile-hybrid", "jetson-orin")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("tiny", "tiny-hybrid"), ("Jetson", "jetson-orin"), ("mobil-hybrid", "mobile-hybrid"), ("zzz", None), ("", None)],
)
def test_nearest(given: str, expected: str | None) -> None:
    assert nearest(given, NAMES) == expected


def test_the_message_says_what_where_and_what_is_allowed() -> None:
    text = str(unknown_name("target", "jetson-orn", NAMES, where="$.target"))
    assert text.startswith("$.target: unknown target 'jetson-orn'; did you mean 'jetson-orin'?")
    assert all(name in text for name in NAMES)
