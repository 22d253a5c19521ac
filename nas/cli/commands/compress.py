"""`nas compress`: a trained network made smaller and quicker, step by step."""

from __future__ import annotations

import argparse
from pathlib import Path

from nas.cli.values import seed, whole

HELP = "compress the winner of a run, or a timm model: distil, prune, factorise, quantise"
EXAMPLES = (
    "examples:\n  nas compress runs/NAME --steps prune:0.3,int8\n"
    "  nas compress runs/NAME --steps distill,prune:0.3,lowrank:0.9,int8-qat --teacher largest\n"
    "  nas compress timm:resnet18=weights.safetensors --data ./photos --steps lowrank:0.8 --target jetson-orin\n"
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN|timm:NAME[=FILE]", help=_SUBJECT)
    parser.add_argument("--steps", required=True, metavar="LIST", help=_STEPS)
    parser.add_argument("--data", metavar="DATA", help="data of a timm model, as in nas search (default: digits)")
    parser.add_argument("--data-root", metavar="DIR", help="folder that relative paths of --data are looked for in")
    parser.add_argument("--resolution", type=whole, metavar="R", help="side of a timm model's image (default: its own)")
    parser.add_argument(
        "--target", metavar="NAME", help="hardware profile to predict for (default: the run's, or host-cpu)"
    )
    parser.add_argument(
        "--epochs", type=whole, metavar="N", help="of each step that trains (default: half the recipe's)"
    )
    parser.add_argument("--teacher", metavar="WHICH", help=_TEACHER)
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of all training (default: 0)")
    parser.add_argument("--out", metavar="DIR", help="folder of the results (default: RUN/compressed/STEPS)")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas compress``."""
    from nas.compress.steps import parse_steps

    steps = parse_steps(arguments.steps)
    from nas.cli.watch import make_watch
    from nas.compress.chain import Wishes
    from nas.jobs.compress import Order, compress_network
    from nas.report.compression import compression_note, compression_table
    from nas.report.tables import to_text

    wishes = Wishes(steps, arguments.epochs, arguments.teacher, arguments.seed)
    order = Order(arguments.path, arguments.data, arguments.data_root, arguments.resolution, arguments.target)
    with make_watch() as watch:
        outcome = compress_network(order, wishes, Path(arguments.out).absolute() if arguments.out else None, watch)
    print(f"\n{to_text(compression_table(outcome))}\n\n{compression_note(outcome)}\nresults  {outcome.folder}")
    return 0


_SUBJECT = "a finished run, or a timm model; without FILE it is trained on the data first"
_STEPS = (
    "by commas, in order: train[:EPOCHS], distill[:EPOCHS], prune:RATIO, lowrank:ENERGY, sparse:RATIO, sparse:2:4, and "
    "last one of int8, int8-qat, int4, binary"
)
_TEACHER = (
    "what distill learns from: largest (of the run's supernet), timm:NAME[=FILE] or another run (default: largest if "
    "it is kept and better, else the network itself)"
)
