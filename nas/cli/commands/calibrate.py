"""`nas calibrate`: corrects a profile by measurements."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.jobs.calibrate import Calibrated

HELP = "correct a hardware profile by latencies that you measured"
EXAMPLES = """examples:
  nas calibrate --target jetson-orin --measurements latencies.csv --out my-jetson.yaml
  nas search --target my-jetson.yaml

latencies.csv has 5 to 50 rows, one image at a time:
  network,latency_ms,resolution
  timm:mobilenetv3_small_100,1.92,224
  runs/NAME/winner/architecture.json,0.81,
  exported/model.onnx,2.4,
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--target", required=True, metavar="NAME", help="the profile to correct: a name or a YAML file")
    parser.add_argument("--measurements", required=True, metavar="FILE", help="CSV: network,latency_ms[,resolution]")
    parser.add_argument("--out", metavar="FILE", help="the profile to write (default: TARGET-calibrated.yaml)")
    parser.add_argument("--force", action="store_true", help="write it though it looks wrong or is no better")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas calibrate``."""
    from nas.cli.watch import make_watch
    from nas.jobs.calibrate import calibrate_target

    out = Path(arguments.out or f"{Path(arguments.target).stem}-calibrated.yaml")
    with make_watch() as watch:
        found = calibrate_target(arguments.target, Path(arguments.measurements), out, watch, force=arguments.force)
    print(calibration_text(found))
    return 0


def calibration_text(found: Calibrated) -> str:
    """Say how far the profile was off before, and is on networks left out of its correction."""
    from nas.report.numbers import significant
    from nas.report.tables import Table, to_text

    rows = [(name, *(significant(value) for value in values)) for name, *values in found.rows]
    table = to_text(Table(("network", "measured, ms", "before, ms", "after (left out), ms"), tuple(rows)))
    lines = [table, ""]
    for when, errors in (("before", found.before), ("after ", found.after)):
        lines.append(
            f"{when}   mean error {errors.mape:.1%}, median {errors.median:.1%}, "
            f"{errors.share_within_10:.0%} within 10 %, Spearman {errors.spearman:.3f}"
        )
    note = "After: each network predicted by a correction that has not seen it."
    return "\n".join([*lines, note, "", f"profile  {found.path}", f"next     nas search --target {found.path}"])
