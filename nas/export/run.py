"""Exporting and verifying: any module, or the winner of a run.

Files (and folders, where a format is one) land in the run's ``export`` folder, beside ``verification.json``. One that
does not compute what PyTorch computes is kept with the suffix ``.rejected``: to be looked at, and never deployed by
accident.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import NasError, UserError
from nas.export.fold import checked_fold
from nas.export.formats import ModelFacts, exporter
from nas.export.verify import LEAST_AGREEMENT, Verification, verify
from nas.schema import to_dict

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.data import ImageData
    from nas.space.architecture import Architecture

VERIFIED_IMAGES = 64


def export_module(
    module: nn.Module,
    format_name: str,
    folder: Path,
    *,
    facts: ModelFacts,
    images: Tensor,
    name: str = "model",
) -> Verification:
    """Write `module` into `folder` in one format and check the file against the module.

    Args:
        module: left untouched; a copy in eval mode on the CPU is exported, folded where the format wants it so.
        format_name: one of `format_names()`.
        folder: made if missing.
        facts: what the file says about the network.
        images: (N, C, H, W) real images, normalised as in training.
        name: of the file, without suffix.

    Raises:
        UserError: for an unknown format or no images.
        NasError: if the file does not compute what the module computes; it is kept as ``.rejected``.
    """
    chosen = exporter(format_name)
    if len(images) == 0:
        raise UserError(f"{format_name}: at least one image is needed to verify the exported file")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name + chosen.suffix)
    unverified = folder / f"{name}.unverified{chosen.suffix}"
    plain = copy.deepcopy(module).cpu().float().eval()
    chosen.export(checked_fold(plain, images) if chosen.folds else plain, unverified, facts)
    found = verify(plain, chosen.load(unverified), images, batch_sizes=chosen.batch_sizes)
    verification = Verification(
        format=format_name,
        file=path.name,
        file_bytes=size_bytes(unverified),
        max_abs_difference=found.max_abs,
        relative_difference=found.relative,
        tolerance=chosen.tolerance,
        top1_agreement=found.top1_agreement,
        images=len(images),
        batch_sizes=chosen.batch_sizes,
        passed=found.relative <= chosen.tolerance and found.top1_agreement >= LEAST_AGREEMENT,
    )
    _settle(verification, unverified, path)
    return verification


def export_run(run_dir: Path, formats: Sequence[str]) -> list[Verification]:
    """Export the winner of a run in every one of `formats` and verify each file on held-out images.

    Raises:
        UserError: for an unknown format (before anything is written) or a run without a winner.
        NasError: if a file does not compute what PyTorch computes.
    """
    for name in formats:
        exporter(name)
    from nas.artefacts import load_winner
    from nas.data.batches import EvaluationBatches

    architecture, network = load_winner(run_dir / "winner")
    result = read_result(run_dir)
    data = run_data(result, architecture)
    images, _ = next(iter(EvaluationBatches(data, "search", batch_size=VERIFIED_IMAGES, workers=0)))
    facts = model_facts(data, architecture, result)
    folder = run_dir / "export"
    return [export_module(network, name, folder, facts=facts, images=images) for name in formats]


def _settle(verification: Verification, unverified: Path, path: Path) -> None:
    """Record the outcome and give the file the name it has earned."""
    record(path.parent, verification)
    if verification.passed:
        _move(unverified, path)
        return
    rejected = path.with_name(path.name + ".rejected")
    _move(unverified, rejected)
    raise NasError(f"{verification.summary()}; kept as {rejected}")


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _move(path: Path, to: Path) -> None:
    if to.is_dir():  # a full folder cannot be replaced
        shutil.rmtree(to)
    path.replace(to)


def record(folder: Path, verification: Verification) -> None:
    """Put `verification` into ``verification.json``, in place of an earlier one of the same format."""
    path = folder / "verification.json"
    earlier = runs.read_json(path) if path.is_file() else []
    entries = {entry["format"]: entry for entry in earlier}
    # JSON has no infinity: an endless difference is written as null.
    entries[verification.format] = {k: None if v == math.inf else v for k, v in to_dict(verification).items()}
    runs.write_atomic(path, (json.dumps(list(entries.values()), indent=1) + "\n").encode())


def read_result(run_dir: Path) -> dict[str, Any]:
    """Return a run's ``result.json``.

    Raises:
        UserError: if it is missing or damaged.
    """
    path = run_dir / runs.RESULT
    if not path.is_file():
        raise UserError(f"{path}: not found; is {str(run_dir)!r} a finished run?")
    result = runs.read_json(path)
    if not isinstance(result, dict):
        raise UserError(f"{path}: expected a mapping")
    return result


def run_data(result: Mapping[str, Any], architecture: Architecture) -> ImageData:
    """Load what a run's winner was trained on, at its resolution."""
    from nas.data import load_data

    root = result.get("data_root")
    return load_data(
        result["data"],
        resolution=architecture.resolution,
        seed=result["seed"],
        root=None if root is None else Path(root),
    )


def model_facts(data: ImageData, architecture: Architecture, result: Mapping[str, Any]) -> ModelFacts:
    """Return what files say about the winner of a run.

    Args:
        data: what it was trained on.
        architecture: what it is.
        result: the run's ``result.json``.
    """
    return ModelFacts(
        resolution=architecture.resolution,
        class_names=data.class_names,
        mean=data.mean,
        std=data.std,
        digest=architecture.digest,
        macs=(result.get("winner") or {}).get("macs"),
        architecture=architecture,
    )
