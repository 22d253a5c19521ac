"""`nas verify`: measures the networks of a run, or an ONNX file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.cli.answers import print_json
from nas.cli.values import whole

HELP = "measure a run's networks or an ONNX file, and set the times beside the predicted ones"
EXAMPLES = """examples:
  nas verify runs/NAME                                                   here, with the target's engine if it runs here
  nas verify --target my-cpu.yaml runs/NAME
  nas verify runs/NAME/export/model.onnx --target host-cpu               an exported file, any other ONNX too
  nas verify runs/NAME --via ssh://user@jetson                           on the device itself
  nas verify runs/NAME --via adb://SERIAL --tool ./benchmark_model
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("run_dir", metavar="RUN|FILE.onnx", help="a finished run, or an ONNX file")
    parser.add_argument("--target", metavar="NAME", help="profile that predicts (default: the run's; host-cpu)")
    parser.add_argument("--resolution", type=whole, metavar="R", help="side of the image, where an ONNX file has none")
    parser.add_argument("--engine", metavar="NAME", help="onnxruntime, litert, torch, tensorrt (default: the target's)")
    parser.add_argument("--via", metavar="DEVICE", help="ssh://user@host or adb://SERIAL (default: this machine)")
    parser.add_argument("--tool", metavar="PATH", help="trtexec or Python there (ssh); benchmark_model to push (adb)")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas verify``."""
    from nas.cli.watch import make_watch
    from nas.jobs.verify import verify_onnx, verify_run
    from nas.search.latency_check import MeasureOrder

    order = MeasureOrder(arguments.engine, arguments.via, arguments.tool)
    with make_watch() as watch:
        path, target = Path(arguments.run_dir), arguments.target
        if path.suffix == ".onnx":
            found = verify_onnx(path, order, watch, target=target or "host-cpu", resolution=arguments.resolution)
        else:
            found = verify_run(path, order, watch, target=target)
    if arguments.json:
        return print_json(found)
    print(latency_text(found))
    return 0


def latency_text(found: Mapping[str, Any]) -> str:
    """Set measured beside predicted, and say if it was not the target that was measured."""
    from nas.report.numbers import significant
    from nas.report.tables import Table, to_text

    rows = []
    for row in found["networks"]:
        low, high = (significant(value) for value in row["interval_ms"])
        measured, error = "-", row["error"] or "-"
        if row["measured_ms"] is not None:
            measured = significant(row["measured_ms"])
            error = f"{100 * (row['predicted_ms'] / row['measured_ms'] - 1):+.0f} %"
        inside = "yes" if row["within_interval"] else "no"
        rows.append((row["name"], significant(row["predicted_ms"]), f"{low} to {high}", measured, error, inside))
    headers = ("network", "predicted, ms", "expected, ms", "measured, ms", "prediction off by", "as expected")
    threads = f", {found['threads']} thread{'s' if found['threads'] != 1 else ''}" if found["threads"] else ""
    where = f"{found['engine']} on {found['device']}, {found['precision']}{threads}"
    lines = [f"measured with {where}; predicted for {found['target']}", "", to_text(Table(headers, tuple(rows))), ""]
    if found["median_error"] is not None:
        lines.append(f"median error {found['median_error']:.1%}; rounds varied by {found['noise']:.1%}")
    if found["busy_measurements"]:
        lines.append(f"other processes had the core in {found['busy_measurements']} measurements")
    if found["differs_from_target"]:
        lines.append(f"NOT the target: {'; '.join(found['differs_from_target'])}")
        lines.append("These times say nothing of the target's own; measure on it with --via.")
    return "\n".join(lines)
