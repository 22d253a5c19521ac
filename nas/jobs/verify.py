"""Measuring the networks of a finished run, or an ONNX file: `nas verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, torch_compat
from nas.errors import UserError

if TYPE_CHECKING:
    from nas.search.latency_check import MeasureOrder, Subject
    from nas.search.watch import Watch


def verify_run(path: Path, order: MeasureOrder, watch: Watch, *, target: str | None = None) -> dict[str, Any]:
    """Time the winner and everything that was trained beside it, and write ``latency.json`` into the run.

    Args:
        path: of the run.
        order: where to measure.
        watch: hears of progress.
        target: name or path of the profile that predicts; None takes the run's.

    Returns:
        What was written.

    Raises:
        UserError: if it is no finished run, or the device does not answer.
    """
    import torch

    torch_compat.prepare()
    from nas.blocks.user import load_run_blocks
    from nas.report import write_report
    from nas.search.config import read_config
    from nas.search.latency_check import check_latencies, open_for
    from nas.search.target import load_target

    if not (path / runs.RESULT).is_file():
        raise UserError(f"{path}: not a finished run (it has no {runs.RESULT})")
    load_run_blocks(path)
    predictor = load_target(target or read_config(path / runs.CONFIG).target)
    subjects = _subjects(path)
    engine = open_for(predictor.profile, order)
    torch.set_num_threads(1)
    found = check_latencies(subjects, predictor, engine, watch, here=order.via is None)
    with runs.RunDirectory.open(path) as run:
        run.write_json(runs.LATENCY, found)
        write_report(path)
    return found


def verify_onnx(
    path: Path, order: MeasureOrder, watch: Watch, *, target: str, resolution: int | None = None
) -> dict[str, Any]:
    """Time an ONNX file as it is, beside its prediction.

    Args:
        path: of the file.
        order: where to measure.
        watch: hears of progress.
        target: name or path of the profile that predicts.
        resolution: side of the image, where the file leaves it open.

    Raises:
        UserError: if the file is no network on one image, or the engine takes no ONNX.
    """
    from nas.cost.onnx_trace import load_onnx
    from nas.search.latency_check import OnnxFile, check_latencies, open_for
    from nas.search.target import load_target

    model = load_onnx(path, resolution)
    predictor = load_target(target)
    engine = open_for(predictor.profile, order)
    file = OnnxFile(path.name, path.read_bytes(), model)
    found = check_latencies([file], predictor, engine, watch, here=order.via is None)
    if not model.integers:
        return found
    differs = [text for text in found["differs_from_target"] if "instead of int8" not in text]
    if predictor.profile.precision != "int8":
        differs.append(f"integers in the file instead of {predictor.profile.precision}")
    return {**found, "precision": "int8", "differs_from_target": differs}


def _subjects(path: Path) -> list[Subject]:
    """Return the winner with its weights, and the other trained networks rebuilt: weights do not change the time."""
    from nas.artefacts import load_winner
    from nas.model.network import build
    from nas.search.latency_check import BuiltNetwork
    from nas.space.architecture import Architecture

    architecture, network = load_winner(path / "winner")
    found: list[Subject] = [BuiltNetwork("winner", architecture, network)]
    taken = {architecture.digest}
    result = runs.read_json(path / runs.RESULT)
    for entry in (*(result.get("front") or ()), *(result.get("baselines") or ())):
        if entry.get("test_accuracy") is None or entry["digest"] in taken:
            continue
        taken.add(entry["digest"])
        other = Architecture.from_dict(entry["architecture"], source=f"{path / runs.RESULT}, {entry['name']}")
        found.append(BuiltNetwork(entry["name"], other, build(other, seed=0)))
    return found
