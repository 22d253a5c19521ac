"""`nas status`: where a run stands, asked from another terminal."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.answers import print_json
from nas.cli.values import positive
from nas.errors import UserError

if TYPE_CHECKING:
    from nas.jobs.status import Status

HELP = "say where a run stands, also while it goes on"
EXAMPLES = """examples:
  nas status runs/jetson-orin-tiny-hybrid
  nas status runs/jetson-orin-tiny-hybrid --watch        again and again until it ends
  nas status runs/jetson-orin-tiny-hybrid --json
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN", help="a run: going on, stopped or finished; it is only read")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--watch", action="store_true", help="say it again whenever it has changed, until the run ends")
    parser.add_argument("--every", type=positive, default=2.0, metavar="S", help="seconds between looks (default: 2)")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas status``; the exit code is 2 where the folder is damaged."""
    from nas.jobs.status import run_status

    path = Path(arguments.path)
    found = run_status(path)
    _show(found, as_json=arguments.json)
    try:
        while arguments.watch and found.held:
            time.sleep(arguments.every)
            before, found = found, run_status(path)
            if _seen(found) != _seen(before):
                _show(found, as_json=arguments.json, again=True)
    except KeyboardInterrupt:  # only the watching ends
        return 0
    return UserError.exit_code if found.state == "damaged" else 0


def _show(found: Status, *, as_json: bool, again: bool = False) -> None:
    if as_json:
        from nas.schema import to_dict

        print_json(to_dict(found))
        return
    from nas.cli.standing import status_text

    print(("\n" if again else "") + status_text(found), flush=True)


def _seen(found: Status) -> tuple[object, ...]:
    """Return what of it is worth another look: time alone is not."""
    return found.state, found.stage, found.stage_share, found.counts, found.best, found.problems
