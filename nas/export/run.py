"""Exporting and verifying: any module, or whatever else is deployable.

Files (and folders, where a format is one) land in the run's ``export`` folder, beside ``verification.json``. One that
does not compute what PyTorch computes is kept with the suffix ``.rejected``: to be looked at, and never deployed by
accident.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError, UserError
from nas.export.deployable import Deployable, from_run
from nas.export.fold import checked_fold
from nas.export.formats import Exporter, ModelFacts, Quantizing, exporter, require_images
from nas.export.legality import check
from nas.export.verification import Verification, record
from nas.export.verify import judge, kernel_gap_db, verify

if TYPE_CHECKING:
    from torch import Tensor, nn


VERIFIED_IMAGES = 64
VERIFIED_INTEGER_IMAGES = 512  # their measure is a share of images
CALIBRATION_IMAGES = 128
RANDOM_IMAGES, RANDOM_CALIBRATION_IMAGES = 16, 32  # of random weights a glance is enough


def export_module(
    module: nn.Module,
    format_name: str,
    folder: Path,
    *,
    facts: ModelFacts,
    images: Tensor,
    labels: Tensor | None = None,
    calibration: Tensor | None = None,
    name: str = "model",
    trained: bool = True,
) -> Verification:
    """Write `module` into `folder` in one format and check the file against the module.

    Args:
        module: left untouched; a copy in eval mode on the CPU is exported, folded where the format wants it so.
        format_name: one of `format_names()`.
        folder: made if missing.
        facts: what the file says about the network.
        images: (N, C, H, W) real images, normalised as in training.
        labels: (N,) their classes, where known.
        calibration: (M, C, H, W) other images, of the training split; formats of integers need them.
        name: of the file, without suffix.
        trained: whether the weights are more than random numbers.

    Raises:
        UserError: for an unknown format or no images.
        NasError: if the file does not compute what the module computes; it is kept as ``.rejected``.
    """
    chosen = exporter(format_name)
    if len(images) == 0:
        raise UserError(f"{format_name}: at least one image is needed to verify the exported file")
    ready = _calibrated(chosen, format_name, calibration)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name + chosen.suffix)
    unverified = folder / f"{name}.unverified{chosen.suffix}"
    plain = copy.deepcopy(module).cpu().float().eval()
    ready.export(checked_fold(plain, images) if chosen.folds else plain, unverified, facts)
    try:
        found = verify(plain, chosen.load(unverified), images, labels=labels, batch_sizes=chosen.batch_sizes)
        gap = _kernel_gap(chosen, plain, unverified, images)
    except NasError as error:  # its own runtime does not run it
        raise NasError(f"{error}; kept as {_settle(unverified, path, passed=False)}") from error
    judgement = judge(found, tolerance=chosen.tolerance, kernel_gap=gap, trained=trained)
    wrong = judgement.shortcomings
    settled = _settle(unverified, path, passed=not wrong)
    verification = Verification(
        format=format_name,
        file=path.name,
        file_bytes=size_bytes(settled),
        max_abs_difference=found.max_abs,
        relative_difference=found.relative,
        tolerance=chosen.tolerance,
        top1_agreement=found.top1_agreement,
        images=len(images),
        batch_sizes=chosen.batch_sizes,
        passed=not wrong,
        sqnr_db=found.sqnr_db,
        accuracy=found.accuracy,
        pytorch_accuracy=found.reference_accuracy,
        calibration_images=0 if calibration is None or ready is chosen else len(calibration),
        kernel_gap_db=gap,
        shortcomings=wrong,
        notes=judgement.notes,
        legality=() if wrong else check(format_name, path),
    )
    record(folder, verification)
    if wrong:
        raise NasError(f"{verification.summary()}; kept as {settled}")
    return verification


def export_run(run_dir: Path, formats: Sequence[str]) -> list[Verification]:
    """Export the winner of a run in every one of `formats` into its ``export`` folder (see `export_all`).

    Raises:
        UserError: for an unknown format (before anything is written) or a run without a winner.
        NasError: if a file does not compute what PyTorch computes.
    """
    require(formats)
    return export_all(from_run(run_dir), formats, run_dir / "export")


def require(formats: Sequence[str]) -> None:
    """Check that there are such formats, and that what writes them is installed.

    Raises:
        UserError: if not.
    """
    for name in formats:
        exporter(name)


def export_all(network: Deployable, formats: Sequence[str], folder: Path) -> list[Verification]:
    """Export a network in every one of `formats` and verify each file on held-out images.

    A format that fails does not keep the others from being written.

    Raises:
        UserError: for an unknown format.
        NasError: if a file does not compute what PyTorch computes.
    """
    done: list[Verification] = []
    failed: list[NasError] = []
    for name in formats:
        try:
            done.append(_export(network, name, folder))
        except NasError as error:
            failed.append(error)
    if failed:
        raise NasError("\n".join([*map(str, failed), *(verification.summary() for verification in done)]))
    return done


def _export(network: Deployable, format_name: str, folder: Path) -> Verification:
    from nas.data.batches import first_images

    integers = isinstance(exporter(format_name), Quantizing)
    judged_by_classes = integers and network.trained  # a share of images, which needs many
    floating = VERIFIED_IMAGES if network.trained else RANDOM_IMAGES
    images, labels = first_images(network.data, "search", VERIFIED_INTEGER_IMAGES if judged_by_classes else floating)
    ranges = CALIBRATION_IMAGES if network.trained else RANDOM_CALIBRATION_IMAGES
    return export_module(
        network.network,
        format_name,
        folder,
        facts=network.facts,
        images=images,
        # Floating point computes the same numbers: an accuracy on fewer images would only mislead.
        labels=labels if judged_by_classes and network.labelled else None,
        calibration=first_images(network.data, "train", ranges)[0] if integers else None,
        trained=network.trained,
    )


def rejected(path: Path) -> Path:
    """Return the name under which a file that failed its checks is kept."""
    return path.with_name(path.name + ".rejected")


def _settle(unverified: Path, path: Path, *, passed: bool) -> Path:
    """Give a file the name it has earned, in place of any earlier one, and return it."""
    settled, other = (path, rejected(path)) if passed else (rejected(path), path)
    for earlier in (settled, other):
        if earlier.is_dir():  # a full folder can be neither replaced nor unlinked
            shutil.rmtree(earlier)
    unverified.replace(settled)
    other.unlink(missing_ok=True)
    return settled


def _calibrated(chosen: Exporter, format_name: str, images: Tensor | None) -> Exporter:
    return chosen.calibrated(require_images(images, format_name)) if isinstance(chosen, Quantizing) else chosen


def _kernel_gap(chosen: Exporter, module: nn.Module, path: Path, images: Tensor) -> float | None:
    if not isinstance(chosen, Quantizing):
        return None
    plain = chosen.load_plain(path)
    return None if plain is None else kernel_gap_db(module, chosen.load(path), plain, images[:VERIFIED_IMAGES])


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
