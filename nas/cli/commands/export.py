"""`nas export`: files for other engines, checked."""

from __future__ import annotations

import argparse
from pathlib import Path

from nas.cli.blocks import add_blocks_flag, load_named
from nas.cli.values import names, seed, whole

HELP = "export the winner of a run, a timm model or an architecture, and check the files"
EXAMPLES = """examples:
  nas export runs/jetson-orin-tiny-hybrid --format onnx,onnx-int8
  nas export runs/jetson-orin-tiny-hybrid --format tensorrt,tensorrt-int8   with a script for the device
  nas export runs/coral-edgetpu-tiny-hybrid --format tflite-int8   for the Edge TPU; also for phones
  nas export runs/pixel4-cpu-tiny-hybrid --format torch,executorch,executorch-int8
  nas export timm:mobilenetv3_small_100=weights.safetensors --data ./photos --format all
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN|timm:NAME[=FILE]|ARCHITECTURE", help=_NETWORK)
    parser.add_argument(
        "--format",
        type=names,
        default=("onnx",),
        metavar="LIST",
        help="formats, by commas, or all that are installed (default: onnx)",
    )
    parser.add_argument(
        "--data", metavar="DATA", help="images for a network that is no run, as in nas search (default: sample-photos)"
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder that relative paths of --data are looked for in")
    parser.add_argument(
        "--resolution", type=whole, metavar="R", help="side of such a network's image (default: its own)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of random weights and splits (default: 0)")
    parser.add_argument("--out", metavar="DIR", help="folder of the files (default: RUN/export, or exported/NAME)")
    add_blocks_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas export``."""
    from nas.cli.summary import verifications_text
    from nas.export.formats import installed_formats
    from nas.jobs.export import Order, export_network

    load_named(arguments)
    formats = installed_formats() if arguments.format == (_ALL,) else arguments.format
    out = Path(arguments.out) if arguments.out else None
    order = Order(
        arguments.path, arguments.data, arguments.data_root, arguments.resolution, seed=arguments.seed, out=out
    )
    found = export_network(order, formats)
    print(verifications_text(found.verifications))
    if not found.trained:
        print(f"\n{_RANDOM}")
    print(f"\nfiles    {found.folder}")
    return 0


_ALL = "all"
_NETWORK = (
    "a finished run, such as runs/jetson-orin-tiny-hybrid, a timm model or the file of an architecture; without FILE, "
    "or weights beside the architecture, weights are random"
)
_RANDOM = "The weights are random: the files show size, speed and operators, and class nothing."
