"""`nas spaces`: the search spaces."""

from __future__ import annotations

import argparse

from nas.cli.answers import print_json
from nas.errors import UserError

HELP = "list the search spaces, or show one"
EXAMPLES = "examples:\n  nas spaces\n  nas spaces tiny-hybrid --target coral-edgetpu\n"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this space")
    parser.add_argument("--target", metavar="NAME", help="show it as this target can run it")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas spaces``."""
    from nas.cli import summary

    if arguments.name is None:
        if arguments.target is not None:
            raise UserError("--target shows one space as a target can run it; name the space (see: nas spaces --help)")
        from nas.space.document import describe_spaces

        found = describe_spaces()
        if arguments.json:
            return print_json(found)
        print(summary.spaces_text(found))
        return 0
    from nas.survey import survey_space

    shown = survey_space(arguments.name, arguments.target)
    if arguments.json:
        return print_json(shown)
    print(summary.space_text(shown))
    return 0
