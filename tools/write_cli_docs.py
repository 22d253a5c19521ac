"""Write docs/cli.md from the parser, so that the page cannot disagree with the program.

Run: ``python -m tools.write_cli_docs``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from nas.cli.parser import build_parser

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# The command line

Written by `python -m tools.write_cli_docs` from the program's own help; a test compares the two.

Exit codes: 0 done, 1 the program failed, 2 something asked for is wrong (one line on stderr says what, and the nearest
legal name), 130 stopped by Ctrl-C (a search goes on with `nas search --resume RUN`).
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(section(name, parser) for name, parser in commands().items())])


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command by its name."""
    # argparse has no public way to its subcommands, nor to the groups of its flags.
    action = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def section(name: str, parser: argparse.ArgumentParser) -> str:
    """Return one command: what it does, its flags by group, its examples."""
    text = (parser.description or "").rstrip(".")
    lines = [f"## nas {name}", "", f"{text[:1].upper()}{text[1:]}.", "", "| flag | meaning |", "|---|---|"]
    for title, flags in groups(parser):
        lines += [f"| **{title}** | |"] if title else []
        lines += flags
    title, _, examples = (parser.epilog or "").partition("\n")
    shown = "\n".join(line.removeprefix("  ") for line in examples.rstrip().splitlines())
    return "\n".join([*lines, "", title.capitalize(), "", f"```text\n{shown}\n```", ""])


def groups(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """Yield each group of flags with its title; the command's own arguments have none."""
    for group in parser._action_groups:
        rows = [row(action) for action in group._group_actions if not isinstance(action, argparse._HelpAction)]
        if rows:
            yield ("" if group.title in ("positional arguments", "options") else group.title or ""), rows


def row(action: argparse.Action) -> str:
    """Return one flag as a row of the table."""
    name = action.option_strings[-1] if action.option_strings else ""
    value = "" if action.nargs == 0 else str(action.metavar or action.dest)
    return f"| `{' '.join(filter(None, (name, value)))}` | {action.help} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
