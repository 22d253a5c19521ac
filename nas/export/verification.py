"""What was compared about one exported file, and what came out: an entry of ``verification.json``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas import runs
from nas.export.legality import Legality
from nas.schema import to_dict

FILE = "verification.json"


@dataclass(frozen=True, slots=True)
class Verification:
    """The comparison of one written file with its PyTorch module.

    Attributes:
        file: name of the file inside the run's ``export`` folder.
        max_abs_difference: the largest difference of any logit.
        relative_difference: the same, over the largest absolute logit of the PyTorch module.
        tolerance: what `relative_difference` may be; None for integers.
        top1_agreement: share of images with the same best class.
        images: how many images were compared, at every one of `batch_sizes`.
        sqnr_db: energy of PyTorch's logits over that of the differences.
        accuracy: of the file on those images, which no training saw; None without labels.
        pytorch_accuracy: of the PyTorch module on the same images.
        calibration_images: how many training images gave the ranges of the integers.
        kernel_gap_db: difference of the SQNR between two sets of kernels.
        shortcomings: what is wrong with the file; nothing if it passed.
        notes: why it passed where that is not plain.
        legality: what devices make of the file.
    """

    format: str
    file: str
    file_bytes: int
    max_abs_difference: float
    relative_difference: float
    tolerance: float | None
    top1_agreement: float
    images: int
    batch_sizes: tuple[int, ...]
    passed: bool
    sqnr_db: float | None = None
    accuracy: float | None = None
    pytorch_accuracy: float | None = None
    calibration_images: int = 0
    kernel_gap_db: float | None = None
    shortcomings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    legality: tuple[Legality, ...] = ()

    def summary(self) -> str:
        """Say in one line what was compared and what came out."""
        word = "matches PyTorch" if self.passed else "does NOT match PyTorch"
        said = [
            f"{self.images} images at batch {', '.join(map(str, self.batch_sizes))}",
            f"same class on {100 * self.top1_agreement:.1f} %",
        ]
        if self.tolerance is not None:
            difference = f"{self.relative_difference:.1e} (allowed {self.tolerance:.0e})"
            said.insert(1, f"largest relative difference {difference}")
        elif self.sqnr_db is not None:
            said.append(f"SQNR {self.sqnr_db:.1f} dB")
        return f"{self.file} {word}: {', '.join(said)}{''.join(f'; {s}' for s in (*self.shortcomings, *self.notes))}"


def record(folder: Path, verification: Verification) -> None:
    """Put `verification` into ``verification.json``, in place of an earlier one of the same format."""
    entries = {entry["format"]: entry for entry in recorded(folder)}
    entries[verification.format] = _finite(to_dict(verification))
    runs.write_atomic(folder / FILE, (json.dumps(list(entries.values()), indent=1) + "\n").encode())


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of ``verification.json``, of files that passed and of others; none without it."""
    path = folder / FILE
    return list(runs.read_json(path)) if path.is_file() else []


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    # JSON has no infinity: an endless difference is written as null.
    return {key: None if value == math.inf else value for key, value in entry.items()}
