"""What compression costs and gains on the digits: every step alone, chains, and distilled against not.

    python -m benchmarks.compress steps --run runs/NAME     every step alone, on the winner of a run and two timm models
    python -m benchmarks.compress chains --run runs/NAME    chains of steps: sizes, latencies, accuracies side by side
    python -m benchmarks.compress time                      times what the chains left anew, all of it in turn

Each chain is one `nas compress` into a folder of its own under ``runs/benchmark-compress``; what is finished there is
only read, so that a stopped benchmark goes on. Latencies mean little where the machine does other work meanwhile:
`time` takes a minute, and shall be alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas import torch_compat
from nas.compress import measure
from nas.compress.chain import MODEL, Outcome, Wishes
from nas.compress.steps import parse_steps
from nas.jobs.compress import Order, compress_network
from nas.report.numbers import compact, memory, significant
from nas.search.watch import Silent

FOLDER = Path("runs/benchmark-compress")
MODELS = ("resnet10t", "mobilenetv3_small_050")
WINNER = "winner"
SIDE = 32
STEP_EPOCHS = 10
STEPS = (
    *("int8", "int8-qat", "int4", "binary"),
    *("prune:0.3", "prune:0.5", "lowrank:0.9", "lowrank:0.7", "sparse:0.5", "sparse:2:4"),
)
CHAINS = ("prune:0.5,int8", "distill,prune:0.3,lowrank:0.9,int8", "distill,prune:0.5,lowrank:0.9,int8", "prune:0.6")


@dataclass(frozen=True)
class Network:
    """A trained network: its short name, and what `nas compress` calls it."""

    name: str
    order: str

    def compress(self, steps: str, *, teacher: str | None = None, epochs: int | None = STEP_EPOCHS) -> Outcome:
        """Run a chain, or read one that is finished."""
        timm = self.order.startswith("timm:")
        order = Order(self.order, resolution=SIDE if timm else None, target="host-cpu")
        folder = (FOLDER / f"{self.name}-{steps.replace(':', '').replace(',', '-')}").absolute()
        return compress_network(order, Wishes(parse_steps(steps), epochs, teacher), folder, Silent())


def main() -> None:
    """Read the command line, run what is asked for, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("steps", "chains", "time"))
    parser.add_argument(
        "--run", type=Path, default=Path("runs/host-cpu-tiny-hybrid"), help="a finished run on the digits"
    )
    parser.add_argument("--networks", nargs="+", choices=(WINNER, *MODELS), default=[WINNER, *MODELS])
    parser.add_argument("--only", nargs="+", metavar="STEPS", help="chains, instead of all")
    given = parser.parse_args()
    torch_compat.prepare()
    if given.part == "time":
        time_again()
        return
    chains = given.only or (STEPS if given.part == "steps" else CHAINS)
    print(
        "| network, steps | search accuracy % | test accuracy % | weights | MACs | measured ms | smaller | as quick |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for network in networks(given.run, given.networks):
        for chain in chains:
            teacher = "largest" if network.order == str(given.run) else None
            outcome = network.compress(chain, teacher=teacher if "distill" in chain else None)
            print(line(network.name, chain, outcome), flush=True)


def networks(run: Path, names: Sequence[str]) -> Iterator[Network]:
    """Yield the winner of the run, and timm models trained on the digits."""
    for name in names:
        yield Network(name, str(run) if name == WINNER else f"timm:{name}={trained(name)}")


def trained(name: str) -> Path:
    """Return the weights of a timm model, trained by the usual recipe if that was not done."""
    order = Network(f"{name}-trained", f"timm:{name}")
    return order.compress("int8", epochs=None).folder / "steps" / "00-before.safetensors"


def time_again() -> None:
    """Time the first and the last network of every chain of `CHAINS` that is finished."""
    chains = [table for table in sorted(FOLDER.glob("*/table.json")) if ",".join(steps_of(table)) in CHAINS]
    files = [table.parent / name for table in chains for name in ("steps/00-before.onnx", MODEL)]
    found = iter(measure.time_together(files, SIDE))
    print("| chain | before, ms | after, ms | as quick |\n|---|---|---|---|")
    for table in chains:
        before, after = next(found), next(found)
        print(f"| {table.parent.name} | {before:.4f} | {after:.4f} | {before / after:.2f} |")


def steps_of(table: Path) -> list[str]:
    """Return the steps of a finished chain."""
    document = json.loads(table.read_text())
    return list(document["chain"]["steps"]) if "test_accuracy" in document else []


def teacher_of(name: str) -> str:
    """Return what `nas compress --teacher` calls a teacher."""
    return name if name == "largest" else f"timm:{name}={trained(name)}"


def line(name: str, chain: str, outcome: Outcome) -> str:
    """Return a chain as a row: what the last step left, beside what there was before."""
    first, last = outcome.rows[0], outcome.rows[-1]
    cells = (
        f"{name}, `{chain}`",
        f"{100 * first.search_accuracy:.1f} → {100 * last.search_accuracy:.1f}",
        " → ".join(f"{100 * accuracy:.1f}" for accuracy in outcome.test_accuracy),
        f"{memory(first.weights_bytes)} → {'~' if last.computed else ''}{memory(last.weights_bytes)}",
        f"{compact(first.macs)} → {compact(last.macs)}",
        f"{significant(first.measured_ms)} → {significant(last.measured_ms)}",
        f"{first.weights_bytes / last.weights_bytes:.1f}",
        f"{first.measured_ms / last.measured_ms:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
