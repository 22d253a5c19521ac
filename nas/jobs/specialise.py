"""A finished or growing run, specialised for another target or budget: its supernet and its scores are used again.

What a candidate's accuracy is does not depend on the target, and the supernet is that of the whole space: only costs
are predicted anew, and what the new target cannot run, or the new budget does not allow, is left out. The new run is an
ordinary one that begins with the candidates taken over (Cai et al. 2020, Once-for-All, arXiv 1908.09791, train one
supernet for many devices in the same way).
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs, torch_compat
from nas.blocks.user import load_run_blocks
from nas.errors import UserError
from nas.resources import absolute_yaml
from nas.runs import RunDirectory
from nas.search.candidate import SAMPLED, Candidate
from nas.search.config import SearchConfig, config_document, read_config
from nas.search.evaluators import kind_of
from nas.search.limits_text import least_text, limits_text
from nas.search.objective import Constraints, Metrics, feasible, front, select

if TYPE_CHECKING:
    from nas.jobs.search import Outcome
    from nas.search.target import Field, Target
    from nas.search.watch import Watch
    from nas.space.architecture import Architecture
    from nas.space.space import SearchSpace

_ENOUGH_LEFT = 1 / 3  # of the scored candidates
_MOST_MORE = 100
_MORE_S = 60.0  # for scoring them, as far as those before tell


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        target: name or path of a hardware profile; None stays with the run's.
        limits: hard limits by the name of their metric. Latency is else that of the run, or derived anew for another
            target; other limits stay.
        evaluations: how many more candidates to score; None scores about as many as were lost, in about a minute, where
            less than a third is left.
        formats: what to export to; None takes the run's.
    """

    target: str | None = None
    limits: Mapping[str, Any] | None = None
    evaluations: int | None = 0
    formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a run's candidates are on another target.

    Attributes:
        source: the run that they come from.
        config: of the run that would begin with them.
        scored: how many the source has scored.
        runnable: how many of them the target can run.
        candidates: those within the budget as well, with their costs on the target.
        more: how many will be scored beside them.
        field: where the search would go on.
        noted: what the source's sampler noted of each candidate, by number: NSGA-II lets only such be parents.
    """

    source: Path
    config: SearchConfig
    scored: int
    runnable: int
    candidates: tuple[Candidate, ...]
    more: int
    field: Field
    noted: Mapping[int, Mapping[str, Any]]

    @property
    def front(self) -> list[Candidate]:
        """The candidates that none beats in both accuracy and MACs, from the cheapest on."""
        return [self.candidates[i] for i in front([c.metrics for c in self.candidates])]

    @property
    def favourite(self) -> Candidate | None:
        """Whom the rule would name, by what the evaluator gave; None where there is no candidate."""
        if not self.candidates:
            return None
        return self.candidates[select(self.candidates, self.config.select, self.config.accuracy_slack)]


def transfer(path: Path, order: Order) -> Transfer:
    """Predict what a run's candidates cost on another target, and which of them keep the budget there.

    Raises:
        UserError: if it is no run, nothing was scored, the target is not known or can run nothing of the space, or
            no candidate is within the budget and none shall be scored.
        InfeasibleError: if no architecture of the space keeps the budget.
    """
    torch_compat.prepare()
    path = path if path.name not in ("", "..") else path.resolve()  # the new run is called after it and lies beside it
    from nas.search.target import load_target, search_field
    from nas.space.space import load_space

    config = _as_it_came(path)
    load_run_blocks(path)
    scored = _scored(path)
    architectures = [_architecture(path, record) for record in scored]
    space = load_space(config.space).for_classes(architectures[0].num_classes)
    _require_same_space(path, space, architectures)
    target = load_target(order.target or config.target)
    field = search_field(space, target)
    left = field.restriction.space
    able = [(r, a) for r, a in zip(scored, architectures, strict=True) if left.contains(a)]
    planned = _planned(config, order, target, field)
    seeds = {known.digest: f"seed:{name}" for name, known in field.seeds}
    costed = [_costed(record, architecture, target, seeds) for record, architecture in able]
    within = tuple(c for c in costed if feasible(c.metrics, planned.constraints))
    more = _more(scored, len(within)) if order.evaluations is None else order.evaluations
    _require_something(path, planned.constraints, costed, within, more, target, field)
    effort = replace(planned.effort, evaluations=len(within) + more)
    planned = replace(planned, effort=effort, specialised_from=str(path.absolute()))
    noted = {record["number"]: (record.get("search") or {}).get("attrs") or {} for record in scored}
    return Transfer(path, planned, len(scored), len(able), within, more, field, noted)


def specialise(made: Transfer, name: str | None, watch: Watch) -> Outcome:
    """Run what `transfer` has prepared: more candidates if ordered, finalists, export, report.

    Args:
        made: what to begin with.
        name: of the new run, which lies beside the old one; None makes one.
        watch: hears of progress.

    Raises:
        UserError: if a run of that name exists.
    """
    from nas.export.formats import exporter
    from nas.jobs.search import resume

    for format_name in made.config.formats:
        exporter(format_name)  # an unknown format should fail before hours of work
    _tell_of_supernet(made, watch)
    folder = made.source.parent
    with RunDirectory.create(folder, name or runs.free_name(folder, _stem(made))) as run:
        if (made.source / runs.BLOCKS).is_file():
            shutil.copyfile(made.source / runs.BLOCKS, run.file(runs.BLOCKS))
        _take_trainings(made, run)
        lines = [json.dumps(_record(c, made), separators=(",", ":"), allow_nan=False) + "\n" for c in made.candidates]
        run.write_text(runs.CANDIDATES, "".join(lines))
        run.write_yaml(runs.CONFIG, config_document(made.config))  # last: with it the folder is a run
    return resume(folder / run.path.name, watch)


def _more(scored: Sequence[Mapping[str, Any]], kept: int) -> int:
    """Return how many candidates make up for those that the target cannot run or the budget does not allow."""
    if kept >= _ENOUGH_LEFT * len(scored):
        return 0
    pace_s = statistics.median(float(record["seconds"]) for record in scored)
    return max(1, min(_MOST_MORE, len(scored) - kept, int(_MORE_S / max(pace_s, 1e-3))))


def _as_it_came(path: Path) -> SearchConfig:
    """Return a run's configuration, with as many passes for finalists as its budget of time had left for them."""
    config = read_config(path / runs.CONFIG)
    if not (path / runs.TIME).is_file():
        return config
    recipe = replace(config.effort.finalist, epochs=runs.read_json(path / runs.TIME)["finalist_epochs"])
    return replace(config, effort=replace(config.effort, finalist=recipe))


def _scored(path: Path) -> list[dict[str, Any]]:
    file = path / runs.CANDIDATES
    records = runs.read_records(file) if file.is_file() else []
    scored = [record for record in records if record["state"] == "complete"]
    if not scored:
        raise UserError(f"{path}: no candidate was scored yet, so there is nothing to take over")
    return scored


def _architecture(path: Path, record: Mapping[str, Any]) -> Architecture:
    from nas.space.architecture import Architecture

    source = f"{path / runs.CANDIDATES}, candidate {record['number']}"
    architecture = Architecture.from_dict(record["architecture"], source=source)
    if architecture.digest != record["digest"]:
        raise UserError(f"{source}: its architecture is not {record['digest']}; was it edited?")
    return architecture


def _require_same_space(path: Path, space: SearchSpace, architectures: Sequence[Architecture]) -> None:
    strange = sum(not space.contains(architecture) for architecture in architectures)
    if strange:
        raise UserError(
            f"{path}: {strange} of its {len(architectures)} scored candidates are not in the search space "
            f"{space.name!r}; was it edited since?"
        )


def _planned(config: SearchConfig, order: Order, target: Target, field: Field) -> SearchConfig:
    """Return the run's configuration for the new target, all but the number of evaluations."""
    from nas.hardware.profile import load_profile
    from nas.hardware.restrict import max_params
    from nas.search.target import derive_latency_ms, feasible_share, sample_metrics

    limits, former = dict(order.limits or {}), load_profile(config.target)
    other = former != target.profile
    constraints, derived = config.constraints, config.derived and "latency_ms" not in limits
    if other and constraints.params == max_params(former):  # the limit is of that chip
        constraints = replace(constraints, params=None)
    sampled = sample_metrics(field.restriction.space, target)
    if other and "latency_ms" not in limits:
        limits["latency_ms"], derived = derive_latency_ms(sampled), True
    constraints = replace(constraints, **limits)
    if constraints.params is None:  # what does not fit on the chip is not in the restricted space
        constraints = replace(constraints, params=field.restriction.max_params)
    return replace(
        config,
        target=absolute_yaml(order.target or config.target),
        constraints=constraints,
        derived=derived,
        feasible_share=feasible_share(sampled, constraints),
        formats=config.formats if order.formats is None else order.formats,
        measure=None if other else config.measure,
        time_plan=None,  # it was the source's
    )


def _costed(
    record: Mapping[str, Any], architecture: Architecture, target: Target, seeds: Mapping[str, str]
) -> Candidate:
    """Return a scored candidate with its costs on the target; it is a seed where it is one there."""
    candidate = Candidate.from_dict(record, architecture)
    metrics: Metrics = replace(target.metrics(architecture), accuracy=candidate.metrics.accuracy)
    return replace(candidate, source=seeds.get(architecture.digest, SAMPLED), metrics=metrics)


def _require_something(
    path: Path,
    constraints: Constraints,
    costed: Sequence[Candidate],
    within: Sequence[Candidate],
    more: int,
    target: Target,
    field: Field,
) -> None:
    """Refuse a budget that nothing keeps, before any work."""
    if within:
        return
    if more:
        from nas.search.study import Study

        Study(field.restriction.space, constraints, target.metrics, sampler_name="random", seeds=field.seeds).ask()
        return
    limits, least = limits_text(constraints), least_text([c.metrics for c in costed], constraints)
    seen = f"; the least of each: {least}" if least else ""
    raise UserError(
        f"{path}: none of its scored candidates that {target.profile.name} can run ({len(costed)}) keeps {limits}{seen}"
        "; allow more, or have others searched with --evaluations 100"
    )


def _tell_of_supernet(made: Transfer, watch: Watch) -> None:
    """Say it where the shared weights are gone: training them anew takes the longest part of a search."""
    if not kind_of(made.config.evaluator).needs_supernet:
        return
    from nas.data import load_data
    from nas.search.supernets import stored_supernet

    config, full = made.config, made.field.full
    data = load_data(config.data, resolution=max(full.resolutions), seed=config.seed, root=config.root)
    weights = stored_supernet(
        full,
        data,
        config.effort.supernet,
        runs_dir=made.source.parent,
        warm_start=config.warm_start,
        processes=config.workers.train_processes,
        run=made.source,
    )
    if not weights.is_file():
        watch.say(f"supernet of {made.source} is not in {weights.parent} any more: it is trained anew first")


def _take_trainings(made: Transfer, run: RunDirectory) -> None:
    """Copy the trainings of finalists that are among the candidates: whichever is chosen again need not train again.

    A supernet that the source has for itself goes with them.
    """
    from nas.search.supernets import OWN

    taken = {candidate.digest for candidate in made.candidates}
    states = [f for f in (made.source / "finalists").glob("*.state") if f.stem.partition("-")[0] in taken]
    for file in (*states, made.source / OWN):
        if file.is_file():
            runs.write_atomic(run.path / file.relative_to(made.source), file.read_bytes())


def _record(candidate: Candidate, made: Transfer) -> dict[str, Any]:
    """Return a line of ``candidates.jsonl`` as a study would have written it."""
    params = made.field.restriction.space.encode(candidate.architecture)
    told = {"params": params, "attrs": made.noted[candidate.number], "infeasible": 0, "duplicates": 0}
    return {**candidate.to_dict(), "search": {**told, "from_run": made.config.specialised_from}}


def _stem(made: Transfer) -> str:
    """Return the new run's name as far as it is free: the source's, with the target's where it is another."""
    name = made.source.name
    before = read_config(made.source / runs.CONFIG).target
    return name if before == made.config.target else f"{name}-{Path(made.config.target).stem}"
