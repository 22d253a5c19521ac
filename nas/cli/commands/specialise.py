"""`nas specialise`: a run's supernet and scores, used again for another target or budget."""

from __future__ import annotations

import argparse
from pathlib import Path

from nas.cli.values import count, names, positive
from nas.cli.values import seed as from_zero

HELP = "take a run to another target or budget, with its supernet and scores"
EXAMPLES = """examples:
  nas specialise runs/jetson-orin-tiny-hybrid --target pixel4-cpu --dry-run        the front there, in seconds
  nas specialise runs/jetson-orin-tiny-hybrid --target pixel4-cpu --latency-ms 2   finalists, export and report
  nas specialise runs/jetson-orin-tiny-hybrid --target coral-edgetpu --evaluations 100 --format tflite-int8
  nas specialise runs/jetson-orin-tiny-hybrid --latency-ms 0.5                     the same target, a tighter budget
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN", help="a run with scored candidates, finished or not; it stays as it is")
    parser.add_argument("--target", metavar="NAME", help="hardware profile: a name or a YAML file (default: the run's)")
    parser.add_argument(
        "--evaluations",
        type=from_zero,
        metavar="N",
        help="score N more candidates, 0 for none (default: as many as were lost, where less than a third is left)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the front on the target, and do nothing more")
    budget = parser.add_argument_group("budget (hard limits; by default the run's)")
    budget.add_argument("--latency-ms", type=positive, metavar="MS", help="default for another target: derived from it")
    budget.add_argument("--macs", type=count, metavar="N", help="multiply-adds of one image; 5M and 1.2G work too")
    budget.add_argument("--params", type=count, metavar="N", help="trainable parameters")
    budget.add_argument("--peak-memory-bytes", type=count, metavar="N", help="activations alive at once, in float32")
    result = parser.add_argument_group("results")
    result.add_argument("--name", metavar="NAME", help="name of the new run, beside the old (default: RUN-TARGET)")
    result.add_argument("--format", type=names, metavar="LIST", help="what to export, by commas (default: the run's)")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas specialise``."""
    from nas.cli.selections import transfer_text
    from nas.cli.watch import make_watch
    from nas.jobs.search import existing_run
    from nas.jobs.specialise import Order, specialise, transfer

    path = existing_run(Path(arguments.path))
    limits = {name: getattr(arguments, name) for name in ("latency_ms", "macs", "params", "peak_memory_bytes")}
    order = Order(
        target=arguments.target,
        limits={name: limit for name, limit in limits.items() if limit is not None},
        evaluations=arguments.evaluations,
        formats=arguments.format,
    )
    made = transfer(path, order)
    print(transfer_text(made), flush=True)
    if arguments.dry_run:
        return 0
    print(flush=True)
    with make_watch() as watch:
        outcome = specialise(made, arguments.name, watch)
    from nas.cli.summary import search_summary

    print(search_summary(outcome))
    return 0
