"""A whole run: plan, search, export, verify, report. What the command line and library callers use."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import runs
from nas.errors import NasError, Terminated, UserError
from nas.report.numbers import counted
from nas.runs import RunDirectory
from nas.search import shared_data
from nas.search.config import SearchConfig, Workers, config_document, read_config
from nas.search.limits_text import limits_text, share_text
from nas.search.standing import noted
from nas.search.watch import Watch

if TYPE_CHECKING:
    from nas.search.defaults import Wishes


_LONG_S = 600  # from here on tenths of minutes are enough to tell a plan


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind.

    Attributes:
        path: the run directory.
        result: the content of its ``result.json``.
        report: its page.
    """

    path: Path
    result: Mapping[str, Any]
    report: Path


def start(wishes: Wishes, *, runs_dir: Path, name: str | None, watch: Watch) -> Outcome:
    """Plan and run a search: a new one, or the same one again where it was not finished.

    Args:
        wishes: what the user asked for.
        runs_dir: the folder that holds all runs; made if missing.
        name: the run's name; None makes one of target and space.
        watch: hears of progress.

    Raises:
        UserError: if something asked for is wrong, or a run of that name is another search.
    """
    from nas.blocks.user import loaded_file
    from nas.export.formats import exporter
    from nas.jobs.taking_up import run_for
    from nas.search.defaults import plan

    for format_name in wishes.formats:
        exporter(format_name)  # an unknown format should fail before hours of work
    if name is not None:
        runs.checked_name(name)
    check_workers(wishes.workers, shared_data.data_path(wishes.data, wishes.data_root))
    check_storage(wishes.study_storage)
    config = plan(wishes, runs_dir=runs_dir)
    stem = f"{Path(config.target).stem}-{Path(config.space).stem}"
    with run_for(config, runs_dir, name, stem, watch) as run:
        if config.blocks is not None:
            run.write_text(runs.BLOCKS, loaded_file(config.blocks).source)
        run.write_yaml(runs.CONFIG, config_document(config))
        return _run(config, run, watch)


def resume(path: Path, watch: Watch, *, workers: Callable[[Workers], Workers] | None = None) -> Outcome:
    """Continue a run where it stopped.

    Args:
        path: the run.
        watch: hears of progress.
        workers: makes of where it ran before where it shall run now; None stays there.

    Raises:
        UserError: if there is no such run, or another process writes it.
    """
    from nas.blocks.user import load_run_blocks

    config = read_config(path / runs.CONFIG)
    load_run_blocks(path)
    if workers is not None:
        config = replace(config, workers=workers(config.workers))
    if not runs.finished(path):
        check_storage(config.study_storage)
        check_workers(config.workers, shared_data.data_path(config.data, config.data_root))
    with RunDirectory.open(path) as run:
        if workers is not None:
            run.write_yaml(runs.CONFIG, config_document(config))
        return _run(config, run, watch)


def check_storage(url: str | None) -> None:
    """Refuse a database that does not answer, or does not let us in, before any work.

    Raises:
        UserError: if something is wrong; a password is not shown.
    """
    if url is not None:
        from nas.search.study_url import open_storage, read_url

        open_storage(read_url(url)).remove_session()


def check_workers(workers: Workers, data: Path | None) -> None:
    """Refuse, before any work, illegal numbers, a device that is not there, or a cluster that cannot evaluate.

    Args:
        workers: where to compute.
        data: the place of the data on this machine; None where a name says it all.

    Raises:
        UserError: if something is wrong.
    """
    from nas.search.explore import executor
    from nas.search.ray_executor import RayExecutor
    from nas.training.device import resolve

    chosen = executor(workers)
    resolve(workers.device)
    if isinstance(chosen, RayExecutor):
        chosen.check(data)


def _run(config: SearchConfig, run: RunDirectory, watch: Watch) -> Outcome:
    if runs.finished(run.path):
        watch.say(f"run {run.path} is finished already")
        return Outcome(run.path, run.read_json(runs.RESULT), run.file(runs.PAGE))
    from nas.search.stopping import InterruptedRunError

    describe(config, run, watch)
    try:
        with noted(run, watch) as keeper:
            return _search_and_export(config, run, keeper)
    except KeyboardInterrupt as stop:
        message = f"stopped; continue with: nas search --resume {run.path}"
        raise InterruptedRunError(message, terminated=isinstance(stop, Terminated)) from None
    except OSError as error:
        raise NasError(f"{_described(error)}; then continue with: nas search --resume {run.path}") from None


def _search_and_export(config: SearchConfig, run: RunDirectory, watch: Watch) -> Outcome:
    from nas.export.run import export_run
    from nas.export.verification import recorded
    from nas.export.winner import describe_winner
    from nas.report import write_report
    from nas.report.card import write_card
    from nas.search.engine import search

    started = time.perf_counter()
    search(config, run, watch)
    exporting = time.perf_counter()
    watch.progress("export", 0, 1, ", ".join(config.formats))
    try:
        describe_winner(run.path)
    except NasError as error:  # a block from a file of the user's may need more than that file
        watch.say(f"winner   not described for timm: {error}")
    failed: NasError | None = None
    try:
        export_run(run.path, config.formats)
    except NasError as error:  # of one format: the search is done all the same, and the other files are there
        failed = error
    write_card(run.path)
    result = run.read_json(runs.RESULT)
    result["verification"] = [entry for entry in recorded(run.path / "export") if entry["passed"]]
    ended = time.perf_counter()
    result["seconds"] |= {"export": round(ended - exporting, 2), "total": round(ended - started, 2)}
    run.write_json(runs.RESULT, result)
    page, _ = write_report(run.path)
    watch.progress("export", 1, 1)
    if failed is not None:
        raise NasError(f"{failed}\nthe rest of the run is finished: {page}; nas export {run.path} exports again")
    return Outcome(run.path, result, page)


def describe(config: SearchConfig, run: RunDirectory, watch: Watch) -> None:
    """Say what is about to happen, before any work."""
    from nas.hardware.profile import load_profile
    from nas.hardware.space import restrict
    from nas.space.space import load_space

    profile, space = load_profile(config.target), load_space(config.space)
    restriction = restrict(space, profile)
    evidence = profile.evidence
    watch.say(f"run      {run.path}")
    watch.say(f"target   {profile.description}; evidence: {evidence.kind}, {evidence.networks} networks")
    watch.say(f"space    {space.name}: {restriction.space.size():.3g} architectures the target can run")
    if restriction.removed:
        watch.say(f"         {len(restriction.removed)} choices removed, such as: {restriction.removed[0]}")
    if restriction.max_params is not None and config.constraints.params == restriction.max_params:
        watch.say(f"         at most {restriction.max_params:,} weights, which stay on the chip (else give --params)")
    watch.say(f"budget   {budget_text(config)}")
    for line in plan_lines(config):
        watch.say(line)


def _described(error: OSError) -> str:
    """Say what a disk refused; nothing that was finished before is lost."""
    place = f"{error.filename}: " if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{place}{error.strerror or error}; {'make room' if full else 'make it writable'}"


def budget_text(config: SearchConfig) -> str:
    """Say the limits in words, with the share of the space that keeps them."""
    origin = " (derived: give --latency-ms for your own)" if config.derived else ""
    share = config.feasible_share
    told = "" if share is None else f"; {share_text(share)} of the space is within it"
    return limits_text(config.constraints, origin) + told


def plan_lines(config: SearchConfig) -> list[str]:
    """Return a table of how a budget of time is split, as far as a few timed steps tell; nothing without one."""
    plan, effort = config.time_plan, config.effort
    if plan is None:
        return []
    pace = plan.pace
    each = f"{pace.supernet_epoch_s:.1f} s each" if pace.supernet_epoch_s else "trained before"
    kinds = f"{effort.finalists} + {counted(effort.baselines, 'known design')}"
    again = f", the best of both {effort.final_seeds} times" if effort.final_seeds > 1 else ""
    rows = (
        ("planning", plan.planning_s, "timing a few steps"),
        ("supernet", plan.supernet_s, f"{counted(effort.supernet.epochs, 'pass', 'passes')}, {each}"),
        ("search", plan.search_s, f"about {counted(plan.evaluations, 'candidate')}, {pace.evaluation_s:.2f} s each"),
        ("finalists", plan.finalists_s, f"{kinds}, about {counted(effort.finalist.epochs, 'pass', 'passes')}{again}"),
        ("export", plan.ending_s, "export, check, report"),
        ("all", plan.total_s, "stages end when their time is over"),
    )
    digits = 1 if plan.total_s >= _LONG_S else 2
    return [f"plan     {'stage':<10}{'minutes':>8}  work"] + [
        f"         {stage:<10}{seconds / 60:>8.{digits}f}  {work}" for stage, seconds, work in rows
    ]


def existing_run(path: Path) -> Path:
    """Return `path` if it is a run.

    Raises:
        UserError: if it is none.
    """
    if not (path / runs.CONFIG).is_file():
        raise UserError(f"{path}: not a run (it has no {runs.CONFIG})")
    return path
