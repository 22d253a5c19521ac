"""`nas zoo`: the published networks."""

from __future__ import annotations

import argparse

from nas.cli.answers import print_json
from nas.cli.blocks import add_blocks_flag, load_named

HELP = "list the published networks, and what they cost on the targets"
EXAMPLES = "examples:\n  nas zoo\n  nas zoo --target jetson-orin --space mobile-hybrid\n"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--target", metavar="NAME", help="latencies of this target alone (default: every shipped one)")
    parser.add_argument("--space", metavar="NAME", help="say which are points of this space, as the target can run it")
    add_blocks_flag(parser)
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas zoo``."""
    from nas.jobs.survey import survey_zoo

    load_named(arguments)
    found = survey_zoo(arguments.target, arguments.space)
    if arguments.json:
        return print_json(found)
    from nas.cli.summary import zoo_text

    print(zoo_text(found))
    return 0
