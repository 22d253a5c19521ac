"""`nas select`: another rule or budget names the winner of a run, without any evaluation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nas.cli.values import count, points, positive

HELP = "name a run's winner by another rule or budget, without new evaluations"
EXAMPLES = """examples:
  nas select runs/jetson-orin-tiny-hybrid --select accuracy
  nas select runs/jetson-orin-tiny-hybrid --select latency --accuracy-slack 2 --latency-ms 0.8
  nas select runs/jetson-orin-tiny-hybrid --select knee --write     put it into winner; the former is kept
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN", help="a run, finished or not")
    rule = parser.add_argument_group("rule and budget (each by default the run's own)")
    rule.add_argument("--select", metavar="RULE", help="accuracy_per_mac, accuracy, latency or knee")
    rule.add_argument("--accuracy-slack", type=points, metavar="POINTS", help="accuracy that the rule may give up")
    rule.add_argument("--latency-ms", type=positive, metavar="MS", help="limit of the latency on the run's target")
    rule.add_argument("--macs", type=count, metavar="N", help="multiply-adds of one image; 5M and 1.2G work too")
    rule.add_argument("--params", type=count, metavar="N", help="trainable parameters")
    rule.add_argument("--peak-memory-bytes", type=count, metavar="N", help="activations alive at once, in float32")
    parser.add_argument("--write", action="store_true", help=_WRITE)
    parser.add_argument("--json", action="store_true", help="print the choice as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas select``."""
    from nas.cli.watch import make_watch
    from nas.jobs.search import existing_run
    from nas.jobs.select import Order, select_anew

    path = existing_run(Path(arguments.path))
    limits = {name: getattr(arguments, name) for name in ("latency_ms", "macs", "params", "peak_memory_bytes")}
    slack = None if arguments.accuracy_slack is None else arguments.accuracy_slack / 100
    order = Order(arguments.select, slack, {name: limit for name, limit in limits.items() if limit is not None})
    selection = select_anew(path, order)
    if arguments.write:
        from nas.jobs.winners import install

        with make_watch() as watch:
            install(path, selection, watch)
    _show(path, selection, written=arguments.write, as_json=arguments.json)
    return 0


def _show(path: Path, selection: Any, *, written: bool, as_json: bool) -> None:
    if as_json:
        from nas.cli.answers import print_json
        from nas.cli.selections import selection_document

        print_json({**selection_document(selection), "written": written})
        return
    from nas.cli.selections import selection_text

    print(selection_text(path, selection, written=written))


_WRITE = "put the chosen finalist into RUN/winner; the former goes to RUN/selections, and result.json keeps both"
