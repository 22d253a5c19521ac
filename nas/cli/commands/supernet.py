"""`nas supernet`: questions about a run's shared weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from nas.cli.answers import print_json
from nas.cli.values import seed, whole
from nas.errors import UserError

HELP = "say how well a run's shared weights rank networks"
EXAMPLES = """examples:
  nas supernet eval runs/jetson-orin-tiny-hybrid                            20 networks trained alone, twice each
  nas supernet eval runs/jetson-orin-tiny-hybrid --networks 40 --seeds 3    goes on: what was trained stays trained
  nas supernet eval runs/jetson-orin-tiny-hybrid --epochs 10 --json
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("words", nargs="+", metavar="eval RUN", help="of this run, finished or not")
    parser.add_argument("--networks", type=whole, default=20, metavar="N", help="networks trained alone (default: 20)")
    parser.add_argument("--seeds", type=whole, default=2, metavar="N", help="trainings of each (default: 2)")
    parser.add_argument("--epochs", type=whole, metavar="N", help="passes of each (default: 2 on few images, else 5)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="decides which networks (default: 0)")
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps (default: the run's)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas supernet``."""
    question, *names = arguments.words
    if question != "eval" or len(names) != 1:
        words = " ".join(arguments.words)
        raise UserError(f"nas supernet: {words!r} is not legal; allowed: eval RUN (see: nas supernet --help)")
    from nas.cli.watch import make_watch
    from nas.jobs.search import existing_run
    from nas.jobs.supernet_eval import STEM, EvalOrder, evaluate_supernet
    from nas.search.watch import Silent

    path = existing_run(Path(names[0]))
    order = EvalOrder(arguments.networks, arguments.seeds, arguments.epochs, arguments.seed, arguments.device)
    with make_watch() as watch:
        try:
            found = evaluate_supernet(path, order, Silent() if arguments.json else watch)
        except KeyboardInterrupt:
            from nas.search.stopping import InterruptedRunError

            raise InterruptedRunError("stopped; the same command goes on") from None
    if arguments.json:
        return print_json(found)
    from nas.cli.ranking import ranking_text

    print(ranking_text(found))
    print(f"\npicture  {path / STEM}.svg")
    return 0
