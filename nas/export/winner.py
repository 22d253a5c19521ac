"""A run's ``winner`` folder as timm reads it: the weights lie there already, what stands beside them is added."""

from __future__ import annotations

from pathlib import Path

from nas import runs
from nas.export.deployable import model_facts, read_result, run_data
from nas.export.formats import ModelFacts
from nas.export.timm import documents


def describe_winner(run_dir: Path) -> None:
    """Write timm's ``config.json``, and the module that it needs, into the folder of a run's winner.

    Raises:
        UserError: if the run has no winner.
        NasError: if a block's source cannot stand alone.
    """
    for name, text in documents(winner_facts(run_dir)).items():
        runs.write_atomic(run_dir / "winner" / name, text.encode())


def winner_facts(run_dir: Path) -> ModelFacts:
    """Return what files say about the winner of a run.

    Raises:
        UserError: if the run has no winner.
    """
    from nas.artefacts import load_winner

    architecture, _ = load_winner(run_dir / "winner")
    result = read_result(run_dir)
    return model_facts(run_data(result, architecture), architecture, result)
