"""Trained supernets, kept by content: the same space, data, recipe and seed are trained once.

A training that was killed goes on after its last whole epoch. One that had no time for its whole recipe is kept in its
run alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas import schema
from nas.blocks.user import BlockFile, block_files
from nas.data import ImageData
from nas.model.supernet import Supernet
from nas.model.warm_start import WarmStart, checkpoint, starting_point, warm
from nas.runs import write_atomic
from nas.search.config import SearchConfig
from nas.search.events import Events
from nas.search.supernet_evaluator import load_supernet
from nas.search.watch import Watch
from nas.space.ends import Head, Stem
from nas.space.options import Family
from nas.space.questions import asked
from nas.space.space import SearchSpace
from nas.training.device import placed
from nas.training.group import Group
from nas.training.loop import Callbacks, Progress
from nas.training.processes import helped
from nas.training.recipe import Recipe
from nas.training.supernet import train_supernet

FOLDER = ".supernets"
OWN = "supernet.safetensors"  # in a run whose time was over before its supernet's recipe was
_FORMAT = 1  # raise it when equal keys would no longer mean equal weights


def run_supernet(
    config: SearchConfig,
    space: SearchSpace,
    data: ImageData,
    run: Path,
    *,
    watch: Watch,
    device: torch.device,
    time_share: Callable[[], float] | None = None,
) -> tuple[Supernet, Path]:
    """Return the supernet of a run, as its configuration says; see `trained_supernet`."""
    return trained_supernet(
        space,
        data,
        config.effort.supernet,
        runs_dir=run.parent,
        watch=watch,
        warm_start=config.warm_start,
        device=device,
        processes=config.workers.train_processes,
        run=run,
        time_share=time_share,
    )


def trained_supernet(
    space: SearchSpace,
    data: ImageData,
    recipe: Recipe,
    *,
    runs_dir: Path,
    watch: Watch,
    warm_start: WarmStart | None = None,
    device: torch.device,
    processes: int = 1,
    run: Path | None = None,
    time_share: Callable[[], float] | None = None,
) -> tuple[Supernet, Path]:
    """Return the supernet of a space trained on a data set, and the file of its weights.

    Args:
        space: the whole space, for the classes of the data.
        data: at the space's largest resolution.
        recipe: how to train; its seed decides the initial weights too.
        runs_dir: trained supernets are kept in its folder ``.supernets``.
        watch: hears of the training.
        warm_start: the checkpoint that it starts from, with its digest; None starts from random weights.
        device: where it is trained, and where it is when this returns.
        processes: how many train it together.
        run: the run that it is for, whose own supernet is taken if there is one.
        time_share: how much of the time allowed is used; at 1 training ends early, and the supernet is kept in the run.

    Raises:
        NasError: if one of several processes ends early.
        UserError: if the checkpoint cannot be read, has changed, or is of no point of the space.
    """
    supernet = Supernet(space, seed=recipe.seed)
    weights = stored_supernet(
        space, data, recipe, runs_dir=runs_dir, warm_start=warm_start, processes=processes, run=run
    )
    if weights.is_file():
        load_supernet(supernet, weights)
        watch.say(f"supernet trained before: {weights}")
        return placed(supernet.eval(), device), weights
    if warm_start is not None:
        warm(supernet, starting_point(warm_start, space), checkpoint(warm_start), source=str(warm_start))
        watch.say(f"supernet starts from {warm_start}")
    weights.parent.mkdir(parents=True, exist_ok=True)
    unfinished = weights.with_suffix(".state")

    placed(supernet, device)
    work, blocks = _HelpTraining(space, data, recipe, unfinished), own_blocks(space)
    with helped(work, processes, device, blocks=blocks) as group, _curve(run) as drawn:

        def progress(at: Progress) -> None:
            watch.progress("supernet", at.step, at.steps, f"loss {at.metrics['loss']:.2f}")
            drawn(at)

        hooks = Callbacks(progress, time_share=time_share)
        result = train_supernet(supernet, data, recipe, callbacks=hooks, checkpoint=unfinished, group=group)
    if result.stopped and run is not None:
        watch.say(f"supernet stopped after {len(result.history)} of {recipe.epochs} passes: its time is over")
        weights = run / OWN
    _save(supernet, weights)
    unfinished.unlink(missing_ok=True)
    return supernet, weights


def _curve(run: Path | None) -> AbstractContextManager[Callable[[Progress], None]]:
    """Give what draws the losses for TensorBoard; a training that is for no run is not drawn."""
    return nullcontext(lambda _: None) if run is None else Events(run).training("supernet")


def stored_supernet(
    space: SearchSpace,
    data: ImageData,
    recipe: Recipe,
    *,
    runs_dir: Path,
    warm_start: WarmStart | None = None,
    processes: int = 1,
    run: Path | None = None,
) -> Path:
    """Return the file of a trained supernet, whether it is there or not: the run's own if it has one."""
    if run is not None and (run / OWN).is_file():
        return run / OWN
    return runs_dir / FOLDER / f"{supernet_key(space, data, recipe, warm_start, processes)}.safetensors"


@dataclass(frozen=True, slots=True)
class _HelpTraining:
    """What a helper does: the same steps on its share of the batches, from the first process's weights on."""

    space: SearchSpace
    data: ImageData
    recipe: Recipe
    checkpoint: Path

    def __call__(self, group: Group, device: torch.device) -> None:
        """Train beside the others."""
        supernet = placed(Supernet(self.space), device)
        train_supernet(supernet, self.data, self.recipe, checkpoint=self.checkpoint, group=group)


def supernet_key(
    space: SearchSpace, data: ImageData, recipe: Recipe, warm_start: WarmStart | None = None, processes: int = 1
) -> str:
    """Return the name of a trained supernet: a digest of all that its weights depend on."""
    content: dict[str, Any] = {
        "format": _FORMAT,
        "space": _choices(space),
        "data": [data.digest, data.resolution],
        "recipe": schema.to_dict(recipe),
    }
    own = own_blocks(space)
    if warm_start is not None:
        content["warm_start"] = [starting_point(warm_start, space).digest, warm_start.digest]
    if processes > 1:  # batch norms see a share of each batch
        content["processes"] = processes
    if own:
        content["blocks"] = [file.digest for file in own]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def own_blocks(space: SearchSpace) -> tuple[BlockFile, ...]:
    """Return the user's files that define block families of a space."""
    return block_files(family.kind for stage in space.stages for family in stage.families)


def _choices(space: SearchSpace) -> dict[str, Any]:
    """Return all that a space allows, fields with one value too; what it is called does not matter."""
    stages = [
        {**schema.to_dict(stage), "families": [_family(f) for f in stage.families], "tied": sorted(stage.tied)}
        for stage in space.stages
    ]
    heads = {kind: schema.to_dict(asked(Head, fields)) for kind, fields in space.heads.items()}
    ends = {"stem": schema.to_dict(asked(Stem, space.stem)), "heads": heads, "tied": sorted(space.tied)}
    return {"resolutions": space.resolutions, "num_classes": space.num_classes, "stages": stages, **ends}


def _family(family: Family) -> dict[str, Any]:
    """Leave out fields that the family gained later and that say nothing: the weights are what they were without."""
    unsaid = {name: (value,) for name, value in schema.later_defaults(family.block).items()}
    fields = {name: values for name, values in family.fields.items() if values != unsaid.get(name)}
    return {**schema.to_dict(family), "fields": schema.to_dict(fields)}


def _save(supernet: Supernet, path: Path) -> None:
    from safetensors.torch import save

    tensors = {name: t.detach().cpu().contiguous() for name, t in supernet.state_dict().items()}
    write_atomic(path, save(tensors))
