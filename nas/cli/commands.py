"""What each command does: reads flags, calls the program, prints."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from nas.errors import UserError, unknown_name


def search(arguments: argparse.Namespace) -> int:
    """Run ``nas search``."""
    from nas.cli.watch import make_watch
    from nas.pipeline import existing_run, resume, start

    if arguments.resume is not None:
        _refuse_with_resume(arguments)
        path = existing_run(Path(arguments.resume))
        with make_watch() as watch:
            outcome = resume(path, watch)
    else:
        wishes = _wishes(arguments)
        with make_watch() as watch:
            outcome = start(wishes, runs_dir=Path(arguments.runs_dir), name=arguments.name, watch=watch)
    from nas.cli.summary import search_summary

    print(search_summary(outcome))
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Run ``nas export``."""
    from nas.export.run import export_run

    for verification in export_run(Path(arguments.path), arguments.format):
        print(verification.summary())
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Run ``nas predict``."""
    from nas.prediction import predict_architecture, predict_timm

    if arguments.model is not None:
        found = predict_timm(arguments.target, arguments.model, arguments.resolution)
    else:
        found = predict_architecture(arguments.target, Path(arguments.architecture), arguments.resolution)
    if arguments.json:
        return _print_json(found)
    from nas.cli.summary import prediction_text

    print(prediction_text(found, arguments.kernels))
    return 0


def targets(arguments: argparse.Namespace) -> int:
    """Run ``nas targets``."""
    from nas.hardware.profile import describe_target, load_profile, profile_names

    found = [describe_target(load_profile(name)) for name in profile_names()]
    if arguments.json:
        return _print_json(found)
    from nas.cli.summary import targets_text

    print(targets_text(found))
    return 0


def spaces(arguments: argparse.Namespace) -> int:
    """Run ``nas spaces``."""
    from nas.cli import summary

    if arguments.name is None:
        if arguments.target is not None:
            raise UserError("--target shows one space as a target can run it; name the space (see: nas spaces --help)")
        from nas.space.document import describe_spaces

        found = describe_spaces()
        if arguments.json:
            return _print_json(found)
        print(summary.spaces_text(found))
        return 0
    from nas.survey import survey_space

    shown = survey_space(arguments.name, arguments.target)
    if arguments.json:
        return _print_json(shown)
    print(summary.space_text(shown))
    return 0


def zoo(arguments: argparse.Namespace) -> int:
    """Run ``nas zoo``."""
    from nas.survey import survey_zoo

    found = survey_zoo(arguments.target, arguments.space)
    if arguments.json:
        return _print_json(found)
    from nas.cli.summary import zoo_text

    print(zoo_text(found))
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Run ``nas report``."""
    from nas.report import write_report

    for path in write_report(Path(arguments.path)):
        print(path)
    return 0


def _wishes(arguments: argparse.Namespace) -> Any:
    if arguments.target is None:
        from nas.hardware.profile import profile_names

        raise UserError(f"--target is needed; known: {', '.join(profile_names())} (or --resume RUN)")
    from nas.search.config import Workers
    from nas.search.defaults import Wishes
    from nas.search.engine import executor
    from nas.search.objective import RULES, Constraints
    from nas.search.samplers import SAMPLERS

    for name, legal, what in ((arguments.select, RULES, "selection rule"), (arguments.sampler, SAMPLERS, "sampler")):
        if name is not None and name not in legal:
            raise unknown_name(what, name, legal)
    limits = {name: getattr(arguments, name) for name in ("latency_ms", "macs", "params", "peak_memory_bytes")}
    workers = Workers(arguments.ray_address, arguments.workers, arguments.cpus_per_trial, arguments.gpus_per_trial)
    executor(workers)  # refuses an illegal address before any work
    same = (
        *("target", "data", "data_root", "space", "sampler", "select", "seed", "smoke"),
        *("evaluations", "finalists", "supernet_epochs", "finalist_epochs"),
    )
    return Wishes(
        **{name: getattr(arguments, name) for name in same},
        constraints=Constraints(**limits, margin=arguments.margin),
        accuracy_slack=arguments.accuracy_slack / 100,
        workers=workers,
        formats=arguments.format,
    )


def _refuse_with_resume(arguments: argparse.Namespace) -> None:
    """A run goes on as it was begun: flags beside --resume would silently do nothing."""
    from nas.cli.parser import build_parser

    defaults = vars(build_parser().parse_args(["search"]))
    ours = ("resume", "run")
    given = [name for name, value in vars(arguments).items() if name not in ours and value != defaults[name]]
    if given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UserError(f"--resume continues a run as it was begun; leave out {flags}")


def _print_json(value: object) -> int:
    json.dump(value, sys.stdout, indent=1)
    print()
    return 0
