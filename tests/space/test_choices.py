"""Choices in YAML: lists and ranges, with multiples."""

import pytest
import yaml

from nas.schema import Problems
from nas.space.choices import expand


def values(text: str, *, multiple_of: int = 1) -> tuple:
    problems = Problems()
    found = expand(yaml.safe_load(text), "$.x", problems, multiple_of=multiple_of)
    assert problems.messages == []
    return found


def complaint(text: str, *, multiple_of: int = 1) -> str:
    problems = Problems()
    expand(yaml.safe_load(text), "$.x", problems, multiple_of=multiple_of)
    return "\n".join(problems.messages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3,)),
        ("[3, 5, 3]", (3, 5)),
        ("relu", ("relu",)),
        ("{from: 3, to: 7, step: 2}", (3, 5, 7)),
        ("{from: 7, to: 7, step: 2}", (7,)),
        ("{from: 0.1, to: 0.3, step: 0.1}", (0.1, 0.2, 0.3)),
        ("{from: 1, to: 2, step: 0.5}", (1, 1.5, 2)),
        ("{from: 20, to: 50, multiple_of: 8}", (24, 32, 40, 48)),
        ("[8, {from: 16, to: 64, step: 16}, 32, 128]", (8, 16, 32, 48, 64, 128)),
    ],
)
def test_values(text: str, expected: tuple) -> None:
    assert values(text) == expected


def test_a_range_without_step_has_every_multiple() -> None:
    assert values("{from: 10, to: 40}", multiple_of=8) == (16, 24, 32, 40)
    assert values("[8, {from: 32, to: 64, step: 32}]", multiple_of=8) == (8, 32, 64)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{from: 3, to: 8, step: 2}", r"$.x.to: 8 is not reached in steps of 2; nearest: 7 or 9"),
        ("{from: 3, to: 8}", "needs a step or multiple_of"),
        ("{from: 3, step: 1}", "$.x.to: required"),
        ("{from: 3, to: 9, stop: 2}", "did you mean 'step'"),
        ("{from: 3, to: 9, step: 0}", "$.x.step: must be more than 0"),
        ("{from: 3, to: many, step: 1}", "$.x.to: expected a number"),
        ("{from: 9, to: 3, step: 1}", "no value between 9 and 3"),
        ("{from: 17, to: 23, multiple_of: 8}", "no value between 17 and 23"),
        ("{from: 1, to: 9, step: 1, multiple_of: 2}", "exclude each other"),
        ("{from: 1, to: 1000, step: 1}", "1000 values"),
        ("[1, [2, 3]]", "$.x[1]: choices are values and ranges"),
        ("[]", "at least one value"),
    ],
)
def test_mistakes(text: str, part: str) -> None:
    assert part in complaint(text)


def test_what_is_no_multiple_is_refused_with_the_nearest() -> None:
    assert "$.x[1]: 20 is no multiple of 8; nearest: 16, 24" in complaint("[16, 20]", multiple_of=8)
    assert "36 is no multiple of 8" in complaint("{from: 16, to: 36, step: 20}", multiple_of=8)
