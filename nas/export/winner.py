"""A run's ``winner`` folder as timm reads it: the weights lie there already, what stands beside them is added."""

from __future__ import annotations

from pathlib import Path

from nas import runs
from nas.export.run import model_facts, read_result, run_data
from nas.export.timm import documents


def describe_winner(run_dir: Path) -> None:
    """Write timm's ``config.json``, and the module that it needs, into the folder of a run's winner.

    Raises:
        UserError: if the run has no winner.
        NasError: if a block's source cannot stand alone.
    """
    from nas.artefacts import load_winner

    folder = run_dir / "winner"
    architecture, _ = load_winner(folder)
    result = read_result(run_dir)
    facts = model_facts(run_data(result, architecture), architecture, result)
    for name, text in documents(facts).items():
        runs.write_atomic(folder / name, text.encode())
