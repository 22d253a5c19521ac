"""`nas targets`: the devices that are known."""

from __future__ import annotations

import argparse

from nas.cli.answers import print_json

HELP = "list the devices, and what stands behind their latencies"
EXAMPLES = "examples:\n  nas targets\n  nas targets --json\n"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas targets``."""
    from nas.hardware.profile import describe_target, load_profile, profile_names

    found = [describe_target(load_profile(name)) for name in profile_names()]
    if arguments.json:
        return print_json(found)
    from nas.cli.summary import targets_text

    print(targets_text(found))
    return 0
