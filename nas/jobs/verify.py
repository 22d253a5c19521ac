"""Measuring the networks of a finished run: `nas verify`."""

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


def _subjects(path: Path) -> list[Subject]:
    """Return the winner with its weights, and the other trained networks rebuilt: weights do not change the time."""
    from nas.artefacts import load_winner
    from nas.model.network import build
    from nas.search.latency_check import Subject
    from nas.space.architecture import Architecture

    architecture, network = load_winner(path / "winner")
    found = [Subject("winner", architecture, network)]
    taken = {architecture.digest}
    result = runs.read_json(path / runs.RESULT)
    for entry in (*(result.get("front") or ()), *(result.get("baselines") or ())):
        if entry.get("test_accuracy") is None or entry["digest"] in taken:
            continue
        taken.add(entry["digest"])
        other = Architecture.from_dict(entry["architecture"], source=f"{path / runs.RESULT}, {entry['name']}")
        found.append(Subject(entry["name"], other, build(other, seed=0)))
    return found
