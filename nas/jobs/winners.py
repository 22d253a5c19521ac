"""Putting another trained network into a run's ``winner`` folder; what was there is kept under ``selections``.

``result.json`` keeps every selection with its winner, the search's own first. A former winner goes, with its exported
and compressed files, to ``selections/<digest>`` and comes back from there when it is selected again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, schema, torch_compat
from nas.errors import NasError, UserError
from nas.runs import RunDirectory
from nas.search.config import read_config
from nas.search.objective import Constraints
from nas.search.verdict import best_known, verdict

if TYPE_CHECKING:
    from torch import nn

    from nas.jobs.select import Selection
    from nas.search.config import SearchConfig
    from nas.search.watch import Watch
    from nas.space.architecture import Architecture

FOLDER = "selections"
_GOES_WITH_IT = ("winner", "export", "compressed")
_TOLD = ("select", "accuracy_slack", "budget", "winner", "verdict", "verification")


def install(path: Path, selection: Selection, watch: Watch) -> None:
    """Make the selected network the winner of the run at `path`: its weights, the result, card and report.

    Nothing is exported.

    Raises:
        UserError: if it was not trained to its end, its weights are gone, or another process writes the run.
    """
    if not selection.trained:
        raise UserError(f"{selection.winner.name} was not trained to its end, so there are no weights to put in winner")
    torch_compat.prepare()
    from nas.blocks.user import load_run_blocks
    from nas.export.winner import describe_winner
    from nas.report import write_report
    from nas.report.card import write_card

    load_run_blocks(path)
    config = read_config(path / runs.CONFIG)
    with RunDirectory.open(path) as run:
        document = _document(run.read_json(runs.RESULT), selection, config)
        _exchange(run, _architecture(path, selection.winner.entry))
        run.write_json(runs.RESULT, document)
        try:
            describe_winner(path)
        except NasError as error:  # a block from a file of the user's may need more than that file
            watch.say(f"winner   not described for timm: {error}")
        write_card(path)
        write_report(path)


def _exchange(run: RunDirectory, architecture: Architecture) -> None:
    """Put a network into ``winner``, once its weights are read: a run is never left without one for lack of them."""
    from nas.artefacts import save_winner

    present = _present(run.path)
    if present == architecture.digest:
        return
    kept = run.path / FOLDER / architecture.digest
    network = None if (kept / "winner").is_dir() else trained_network(run.path, architecture)
    if present is not None:
        _move(run.path, run.path / FOLDER / present)
    if network is None:
        _move(kept, run.path)
    else:
        save_winner(run.file("winner"), architecture, network)


def trained_network(path: Path, architecture: Architecture) -> nn.Module:
    """Return a finalist of the run at `path` with the weights that its training ended with, in eval mode.

    Raises:
        UserError: if the run has them no more, or its training did not end.
    """
    from nas.model.network import build
    from nas.search.supernet_evaluator import at_resolution
    from nas.training.checkpoint import finished_weights

    file = path / "finalists" / f"{architecture.digest}.state"
    if not file.is_file():
        raise UserError(f"{file}: not found, so the weights of this finalist are gone; winner stays as it is")
    network = build(architecture)
    try:
        at_resolution(network, architecture).load_state_dict(finished_weights(file))
    except RuntimeError as error:
        raise UserError(f"{file}: belongs to another network ({str(error).splitlines()[0]})") from None
    return network.eval()


def _present(path: Path) -> str | None:
    """Return the digest of the network that lies in ``winner``; None if there is none."""
    from nas.space.architecture import load_architecture

    file = path / "winner" / "architecture.json"
    return load_architecture(file).digest if file.is_file() else None


def _move(source: Path, destination: Path) -> None:
    """Move a winner with all that was made of it."""
    destination.mkdir(parents=True, exist_ok=True)
    for name in _GOES_WITH_IT:
        if (source / name).is_dir():
            shutil.rmtree(destination / name, ignore_errors=True)  # of a move that was cut short
            (source / name).rename(destination / name)


def _architecture(path: Path, entry: Mapping[str, Any]) -> Architecture:
    from nas.space.architecture import Architecture

    return Architecture.from_dict(entry["architecture"], source=f"{path / runs.RESULT}, {entry['name']}")


def _document(result: dict[str, Any], selection: Selection, config: SearchConfig) -> dict[str, Any]:
    """Return the result with another winner, and the former among its ``selections``."""
    from nas.search.result import winner_entry
    from nas.search.target import load_target

    history = [*(result.get("selections") or [_told(result)])]
    target = load_target(config.target)
    chosen = selection.winner
    architecture = _architecture(Path(runs.RESULT), chosen.entry)
    estimate = target.estimate(architecture)
    rival = best_known(selection.within, rule=selection.select, accuracy_slack=selection.accuracy_slack)
    found, images = sum(not contender.known for contender in selection.within), result["test_images"]
    judged = verdict(chosen, rival, images, classes=architecture.num_classes, found=found)
    earlier = [told for told in history if told["winner"]["digest"] == chosen.digest]
    changed = {
        **result,
        "select": selection.select,
        "accuracy_slack": selection.accuracy_slack,
        "budget": _budget(result, selection.constraints),
        "winner": winner_entry(chosen.entry, estimate),
        "front": [_judged(entry, selection) for entry in result["front"]],
        "baselines": [_judged(entry, selection) for entry in result["baselines"]],
        "verdict": schema.to_dict(judged),
        "verification": earlier[-1]["verification"] if earlier else [],
    }
    changed["winner"]["feasible"] = True
    return {**changed, "selections": [*history, _told(changed)]}


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a result depends on the selection."""
    return {name: result.get(name) for name in _TOLD}


def _budget(result: Mapping[str, Any], constraints: Constraints) -> dict[str, Any]:
    """Return the budget of the result, with the share of the space within it where that is still known."""
    limits, before = schema.to_dict(constraints), result["budget"]
    if all(limits[name] == before.get(name) for name in limits):
        return dict(before)
    derived = bool(before.get("derived")) and limits["latency_ms"] == before["latency_ms"]
    return {**limits, "derived": derived, "feasible_share": None}


def _judged(entry: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
    """Return what the result says of a finalist, judged by the limits of the selection."""
    within = {c.digest for c in selection.within}
    return {**entry, "feasible": entry["digest"] in within} if "feasible" in entry else dict(entry)
