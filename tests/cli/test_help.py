"""Every command explains itself, with an example that the parser takes."""

import argparse
import re
import shlex

import pytest

from nas.cli import main
from nas.cli.parser import build_parser


def commands() -> dict[str, argparse.ArgumentParser]:
    action = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


COMMANDS = pytest.mark.parametrize("name", commands())


def help_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@COMMANDS
def test_it_has_an_example_that_is_legal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([name], capsys)
    examples = re.findall(rf"^  nas ({name}\b.*?)(?:   +.*)?$", text, flags=re.MULTILINE)
    assert examples
    for example in examples:
        assert build_parser().parse_args(shlex.split(example)).run is not None


@COMMANDS
def test_every_flag_is_explained(name: str) -> None:
    for action in commands()[name]._actions:
        assert action.help, action.option_strings


def test_the_whole_has_examples_and_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([], capsys)
    assert "examples:" in text
    assert all(re.search(rf"^    {name}\b", text, flags=re.MULTILINE) for name in commands())


def test_help_fits_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for arguments in ([], *([name] for name in commands())):
        assert max(map(len, help_of(arguments, capsys).splitlines())) <= 120
