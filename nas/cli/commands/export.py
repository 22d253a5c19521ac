"""`nas export`: files for other engines, checked."""

from __future__ import annotations

import argparse
from pathlib import Path

from nas.cli.values import names

HELP = "export the winner of a run and check the files"
EXAMPLES = """examples:
  nas export runs/jetson-orin-tiny-hybrid --format onnx,onnx-int8
  nas export runs/jetson-orin-tiny-hybrid --format tensorrt,tensorrt-int8   with a script for the device
  nas export runs/coral-edgetpu-tiny-hybrid --format tflite-int8   for the Edge TPU; also for phones
  nas export runs/pixel4-cpu-tiny-hybrid --format torch,executorch,executorch-int8
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", metavar="RUN", help="a finished run, such as runs/jetson-orin-tiny-hybrid")
    parser.add_argument(
        "--format", type=names, default=("onnx",), metavar="LIST", help="formats, by commas (default: onnx)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas export``."""
    from nas.cli.summary import verifications_text
    from nas.export.run import export_run
    from nas.report.card import write_card

    path = Path(arguments.path)
    try:
        found = export_run(path, arguments.format)
    finally:
        if (path / "export").is_dir():  # also where one format of several failed
            write_card(path)
    print(verifications_text(found))
    return 0
