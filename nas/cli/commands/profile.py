"""`nas profile`: measures a device."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.values import positive, seed, whole

if TYPE_CHECKING:
    from nas.hardware.profile import Evidence, EvidenceGroup
    from nas.jobs.profile import Profiled

HELP = "measure your own device and write its hardware profile"
EXAMPLES = """examples:
  nas profile --out my-cpu.yaml --engine onnxruntime                       this machine, ten minutes
  nas profile --out my-cpu.yaml --engine onnxruntime --space tiny-hybrid --minutes 3
  nas profile --out my-jetson.yaml --engine tensorrt --via ssh://user@jetson --minutes 60
  nas profile --out my-pi.yaml --engine onnxruntime --via ssh://pi --threads 4
  nas profile --out my-phone.yaml --engine litert --via adb://SERIAL --tool ./benchmark_model
  nas search --target my-cpu.yaml                                          search with what was measured
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--out", required=True, metavar="FILE", help="the profile to write; measurements go beside it")
    parser.add_argument("--engine", required=True, metavar="NAME", help="onnxruntime, litert, torch or tensorrt")
    parser.add_argument("--via", metavar="DEVICE", help="ssh://user@host or adb://SERIAL (default: this machine)")
    parser.add_argument("--tool", metavar="PATH", help=_TOOL)
    parser.add_argument("--space", metavar="NAME", action="append", default=[], help=_SPACE)
    parser.add_argument("--minutes", type=positive, default=10.0, metavar="N", help=_MINUTES)
    parser.add_argument("--threads", type=whole, default=1, metavar="N", help="in one operator (default: 1)")
    parser.add_argument("--precision", metavar="NAME", help="fp32, fp16 or int8 (default: what the engine runs best)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of what is drawn from the spaces")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas profile``."""
    from nas.cli.watch import make_watch
    from nas.hardware.measure.open import open_engine
    from nas.hardware.profile_file import profile_name
    from nas.jobs.profile import ProfileOrder, profile_device

    out = Path(arguments.out)
    profile_name(out)  # a wrong name should not cost the first connection
    engine = open_engine(
        arguments.engine,
        via=arguments.via,
        threads=arguments.threads,
        precision=arguments.precision,
        tool=arguments.tool,
    )
    how = shlex.join(["nas", *sys.argv[1:]]) if Path(sys.argv[0]).name == "nas" else "nas profile"
    order = ProfileOrder(out, tuple(arguments.space), arguments.minutes, arguments.seed, how=how)
    with make_watch() as watch:
        profiled = profile_device(order, engine, watch)
    print(profile_text(profiled))
    return 0


def profile_text(profiled: Profiled) -> str:
    """Say what was measured and how far the profile is off on networks it has not seen."""
    from nas.report.tables import Table, to_text

    evidence = profiled.profile.evidence
    noise = "unknown (measured once)" if profiled.noise is None else f"{100 * profiled.noise:.1f} %"
    judged: list[tuple[str, Evidence | EvidenceGroup]] = [("whole networks", evidence)]
    judged += [(group.name, group) for group in evidence.others]
    rows = []
    for name, group in judged:
        for predictor, errors in (("kernels", group.errors), ("MACs only", group.macs_only)):
            if errors is not None:
                share, median = f"{100 * errors.share_within_10:.0f} %", f"{100 * errors.median:.1f} %"
                rows.append((name, str(group.networks), predictor, share, median, f"{errors.spearman:.3f}"))
    headers = ("left out", "networks", "predictor", "within 10 %", "median error", "Spearman")
    return "\n".join(
        [
            f"\nmeasured {profiled.parts} kernels and blocks, {evidence.networks} networks in "
            f"{profiled.seconds / 60:.1f} minutes; noise floor {noise}",
            "",
            to_text(Table(headers, tuple(rows), left=3)),
            "",
            f"profile  {profiled.path}",
            f"next     nas search --target {profiled.path}    (more time makes it better: --minutes 60)",
        ]
    )


_TOOL = "trtexec or Python on the device (ssh), or the benchmark_model to push (adb)"
_SPACE = "measure what this search space is made of; may be repeated (default: all shipped spaces)"
_MINUTES = "of measuring, earlier calls with the same --out included (default: 10)"
