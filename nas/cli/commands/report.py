"""`nas report`: a run's page, written again."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write a run's report again"
EXAMPLES = "example:\n  nas report runs/jetson-orin-tiny-hybrid\n"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN", help="a finished run")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas report``."""
    from nas.report import write_report

    for path in write_report(Path(arguments.path)):
        print(path)
    return 0
