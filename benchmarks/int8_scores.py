"""What rounding in the search is worth: scores with inherited weights beside the accuracy of the exported integers.

    nas search --target coral-edgetpu --evaluations 40 --finalists 2 --final-seeds 1 --name int8
    python -m benchmarks.int8_scores runs/int8 --networks 16

Each network inherits the supernet's weights, and is scored on the search split in floating point, as if in eight bits,
and as a file that its own runtime runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from nas import runs, torch_compat
from nas.data import load_data
from nas.data.batches import first_images
from nas.errors import NasError
from nas.export.fold import checked_fold
from nas.export.formats import ModelFacts, Quantizing, exporter
from nas.export.verify import Difference, verify
from nas.model.supernet import Supernet
from nas.report.tables import Table, to_text
from nas.search.config import read_config
from nas.search.ranking import correlation
from nas.search.supernet_evaluator import at_resolution, calibration_batches, inherit, load_supernet
from nas.search.supernets import stored_supernet
from nas.space.architecture import Architecture
from nas.space.space import load_space
from nas.training.fake_quant import simulate_int8

torch_compat.prepare()

CALIBRATION_IMAGES = 128


@dataclass(frozen=True)
class Compared:
    """Accuracies of one network on the search split, and how it was classed beside the file.

    Attributes:
        floating: in floating point.
        simulated: as if in eight bits.
        exported: of the file.
        same_floating: share of images that floating point and the file class alike.
        same_simulated: share of images that the simulation and the file class alike.
    """

    floating: float
    simulated: float
    exported: float
    same_floating: float
    same_simulated: float


class Comparison:
    """Compares networks that inherit a run's shared weights.

    Args:
        path: the run.
        format_name: a format of integers.
    """

    def __init__(self, path: Path, format_name: str) -> None:
        config = read_config(path / runs.CONFIG)
        space = load_space(config.space)
        self._data = load_data(config.data, resolution=max(space.resolutions), seed=config.seed, root=config.root)
        space = space.for_classes(self._data.num_classes)
        self._supernet = Supernet(space).eval()
        effort = config.effort.supernet
        load_supernet(
            self._supernet,
            stored_supernet(space, self._data, effort, runs_dir=path.parent, warm_start=config.warm_start, run=path),
        )
        self._calibration = calibration_batches(self._data)
        self._images, self._labels = first_images(self._data, "search", len(self._data.search))
        chosen = exporter(format_name)
        assert isinstance(chosen, Quantizing)
        self._exporter = chosen.calibrated(first_images(self._data, "train", CALIBRATION_IMAGES)[0])

    def compare(self, architecture: Architecture) -> Compared:
        """Score one network in three ways."""
        network = at_resolution(inherit(self._supernet, architecture, self._calibration), architecture).eval()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"model{self._exporter.suffix}"
            self._exporter.export(checked_fold(network, self._images[:8]), file, self._facts(architecture))
            run = self._exporter.load(file)

            def beside(module: nn.Module) -> Difference:
                sizes = self._exporter.batch_sizes[-1:]
                return verify(module, run, self._images, labels=self._labels, batch_sizes=sizes)

            plain, simulated = beside(network), beside(simulate_int8(network, self._calibration))
        return Compared(
            _known(plain.reference_accuracy),
            _known(simulated.reference_accuracy),
            _known(plain.accuracy),
            plain.top1_agreement,
            simulated.top1_agreement,
        )

    def _facts(self, architecture: Architecture) -> ModelFacts:
        return ModelFacts(architecture.resolution, num_classes=architecture.num_classes, architecture=architecture)


def _known(value: float | None) -> float:
    assert value is not None
    return value


def networks(path: Path, count: int) -> list[Architecture]:
    """Return scored candidates of a run, evenly spread over their MACs."""
    scored = [r for r in runs.read_records(path / runs.CANDIDATES) if r["state"] == "complete"]
    scored.sort(key=lambda record: record["metrics"]["macs"])
    step = max(1.0, (len(scored) - 1) / max(1, count - 1))
    picked = dict.fromkeys(round(i * step) for i in range(min(count, len(scored))))
    return [Architecture.from_dict(scored[i]["architecture"]) for i in picked if i < len(scored)]


def table(found: Sequence[Compared]) -> Table:
    """Say how well each score tells the accuracy of the file."""
    exported = [c.exported for c in found]
    rows = []
    for name, scores, same in (
        ("floating point", [c.floating for c in found], [c.same_floating for c in found]),
        ("as if in eight bits", [c.simulated for c in found], [c.same_simulated for c in found]),
    ):
        off = [100 * abs(s - e) for s, e in zip(scores, exported, strict=True)]
        tau = correlation(scores, exported)
        rows.append(
            (
                name,
                f"{100 * statistics.mean(scores):.1f}",
                f"{statistics.mean(off):.2f}",
                f"{max(off):.2f}",
                f"{100 * statistics.mean(same):.1f}",
                f"{tau.tau:.2f} ({tau.low:.2f} to {tau.high:.2f})",
            )
        )
    rows.append(("the file", f"{100 * statistics.mean(exported):.1f}", "", "", "", ""))
    headers = ("score", "mean, %", "off by, points", "at most", "same class, %", "Kendall's tau")
    return Table(headers, tuple(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--networks", type=int, default=16, metavar="N")
    parser.add_argument("--format", default="onnx-int8")
    given = parser.parse_args(arguments)
    try:
        comparison = Comparison(given.run, given.format)
        found = []
        for architecture in networks(given.run, given.networks):
            try:
                found.append(comparison.compare(architecture))
            except NasError as error:  # one that a runtime refuses is left out
                print(f"{architecture.digest} is left out: {error}", file=sys.stderr, flush=True)
                continue
            print(architecture.digest, found[-1], file=sys.stderr, flush=True)
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(to_text(table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
