"""What docs/export.md says agrees with the program."""

import re
from pathlib import Path

import pytest

from nas.cli.parser import build_parser
from nas.export import exporter, format_names
from nas.export.formats import missing_modules
from nas.export.run import (
    CALIBRATION_IMAGES,
    RANDOM_CALIBRATION_IMAGES,
    RANDOM_IMAGES,
    VERIFIED_IMAGES,
    VERIFIED_INTEGER_IMAGES,
)
from nas.export.verify import (
    LEAST_AGREEMENT,
    LEAST_EXCUSED_AGREEMENT,
    LEAST_GAIN,
    LEAST_INTEGER_AGREEMENT,
    LEAST_INTEGER_SQNR_DB,
    LEAST_RANDOM_SQNR_DB,
    MOST_GAIN,
    MOST_KERNEL_GAP_DB,
    MOST_LOST,
)

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_legal(command: str) -> None:
    assert command.startswith("nas ")
    arguments = build_parser().parse_args(command.split()[1:])
    assert set(arguments.format) <= {"all", *format_names()}


@pytest.mark.parametrize("name", [n for n in format_names() if not missing_modules(n)])
def test_every_format_has_its_row(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert f"`model{exporter(name).suffix}" in row
    assert exporter(name).extra in row


def test_the_criteria_are_the_programs() -> None:
    assert f"| {VERIFIED_IMAGES} | up to {VERIFIED_INTEGER_IMAGES} |" in PAGE
    assert f"on {CALIBRATION_IMAGES} images of the training split" in PAGE
    assert f"{RANDOM_IMAGES} images are\ncompared, {RANDOM_CALIBRATION_IMAGES} give the ranges" in PAGE
    least = f"| at least {LEAST_AGREEMENT:.0%} | at least {LEAST_INTEGER_AGREEMENT:.0%}, or see below |"
    assert least.replace("%", " %") in PAGE
    assert f"at least {LEAST_EXCUSED_AGREEMENT:.0%} as PyTorch does".replace("%", " %") in PAGE
    assert f"no more than {MOST_LOST:.0%} of all".replace("%", " %") in PAGE
    assert f"at least {LEAST_INTEGER_SQNR_DB:.0f} dB" in PAGE
    assert f"at most {MOST_KERNEL_GAP_DB} dB apart" in PAGE
    assert f"{LEAST_RANDOM_SQNR_DB:.0f} dB" in PAGE
    assert f"| {LEAST_GAIN} to {MOST_GAIN} |" in PAGE
