"""What docs/timm.md says is done here, line by line."""

import random
import re
from pathlib import Path

import pytest

from nas.cli.parser import build_parser
from nas.space.architecture import Architecture
from nas.space.space import load_space
from tests.export.test_timm import ALONE, run_alone, trained, write_winner

PAGE = (Path(__file__).parents[2] / "docs" / "timm.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_legal(command: str) -> None:
    assert command.startswith("nas ")
    assert build_parser().parse_args(command.split()[1:]).run is not None


def test_a_timm_model_is_an_architecture() -> None:
    names: dict = {}
    exec(PYTHON[0], names)
    assert isinstance(names["architecture"], Architecture)


def test_a_winner_loads_by_the_lines_that_are_given(tmp_path: Path) -> None:
    architecture = load_space("tiny-hybrid").for_classes(3).sample(random.Random(5))
    write_winner(tmp_path, architecture, trained(architecture))
    lines = PYTHON[1].replace("runs/NAME", str(tmp_path))
    said = run_alone(f"{ALONE}\n{lines}\nprint(type(model).__name__, model.num_classes, transform is not None)")
    assert said.split() == ["Network", "3", "True"]
    assert len(PYTHON[1].split("\n\n")[-1].splitlines()) + 3 <= 5
