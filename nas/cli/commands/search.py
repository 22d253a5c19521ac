"""`nas search`: searches, trains, exports and verifies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nas.cli.blocks import add_blocks_flag
from nas.cli.values import count, duration, gpus, names, points, positive, seed, share, whole
from nas.errors import UserError

HELP = "search the best network for a target"
EXAMPLES = """examples:
  nas search --target jetson-orin
  nas search --target jetson-orin --smoke                        everything, in about a minute
  nas search --target pixel4-cpu --data ./photos --latency-ms 20 --time-budget 2h
  nas search --target coral-edgetpu --data torch/cifar10+download --data-root ~/data
  nas search --target jetson-orin --ray-address auto             on the Ray cluster of this machine
  nas search --target jetson-orin --blocks my_blocks.py --space ./my_space.yaml
  nas search --target jetson-orin --data ./photos --warm-start timm:mobilenetv3_large_100
  nas search --target host-cpu --evaluator proxy                 no supernet: ranked untrained, finalists from scratch
  nas search --resume runs/jetson-orin-tiny-hybrid               continue after Ctrl-C or a crash
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--target", metavar="NAME", help="hardware profile: a name (see nas targets) or a YAML file")
    parser.add_argument("--resume", metavar="RUN", help="continue this run; only where to run may change")
    data = parser.add_argument_group("what to search on")
    data.add_argument("--data", default="digits", metavar="DATA", help=_DATA)
    data.add_argument("--data-root", metavar="DIR", help="folder that relative data names are looked for in")
    data.add_argument("--space", metavar="NAME", help="search space: a name (see nas spaces) or a YAML file")
    add_blocks_flag(data)
    budget = parser.add_argument_group("budget (hard limits, checked before any training)")
    budget.add_argument("--latency-ms", type=positive, metavar="MS", help="default: derived from space and target")
    budget.add_argument("--macs", type=count, metavar="N", help="multiply-adds of one image; 5M and 1.2G work too")
    budget.add_argument("--params", type=count, metavar="N", help="trainable parameters")
    budget.add_argument("--peak-memory-bytes", type=count, metavar="N", help="activations alive at once, in float32")
    budget.add_argument("--margin", type=share, default=0.0, metavar="F", help=_MARGIN)
    how = parser.add_argument_group("how to search")
    how.add_argument(
        "--sampler", metavar="NAME", help="surrogate (the default), evolution, local, nsga2, tpe or random"
    )
    how.add_argument("--evaluator", default="supernet", metavar="NAME", help=_EVALUATOR)
    how.add_argument("--time-budget", type=duration, dest="time_budget_s", metavar="TIME", help=_TIME)
    how.add_argument("--evaluations", type=whole, metavar="N", help="candidates that are scored")
    how.add_argument("--finalists", type=whole, metavar="N", help="candidates that are trained to the end")
    how.add_argument("--supernet-epochs", type=whole, metavar="N", help="passes that train the shared weights")
    how.add_argument("--supernet-divergence", metavar="NAME", help=_DIVERGENCE)
    how.add_argument("--candidate-epochs", type=whole, metavar="N", help="passes that train one (--evaluator train)")
    how.add_argument("--finalist-epochs", type=whole, metavar="N", help="passes that train each finalist")
    how.add_argument("--final-seeds", type=whole, metavar="N", help=_SEEDS)
    how.add_argument("--precision", metavar="NAME", help=_PRECISION)
    how.add_argument("--warm-start", metavar="timm:NAME[=FILE]", help=_WARM_START)
    how.add_argument("--select", default="accuracy_per_mac", metavar="RULE", help=_SELECT)
    how.add_argument("--accuracy-slack", type=points, default=1.0, metavar="POINTS", help=_SLACK)
    how.add_argument("--measure-finalists", action="store_true", help=_MEASURE)
    how.add_argument("--no-measure", action="store_true", help=_NO_MEASURE)
    how.add_argument("--via", metavar="DEVICE", help="measure them on ssh://user@host or adb://SERIAL")
    how.add_argument("--tool", metavar="PATH", help="what measures there (see nas profile --help)")
    how.add_argument("--seed", type=seed, default=0, metavar="N", help="same seed, same candidates (default: 0)")
    how.add_argument("--smoke", action="store_true", help="everything at the smallest size, in about a minute")
    where = parser.add_argument_group("where to run")
    where.add_argument("--ray-address", metavar="ADDRESS", help=_RAY)
    where.add_argument("--workers", type=whole, metavar="N", help="candidates evaluated at once (default: all CPUs)")
    where.add_argument("--cpus-per-trial", type=whole, metavar="N", help="CPUs of one evaluation (default: 1)")
    where.add_argument(
        "--gpus-per-trial",
        type=gpus,
        metavar="N",
        help="GPUs, or a share of one, that Ray gives each evaluation (default: none, they use the CPU)",
    )
    where.add_argument("--storage-path", metavar="PLACE", help=_STORAGE)
    where.add_argument("--study-storage", metavar="URL", help=_STUDY)
    where.add_argument("--device", metavar="NAME", help=_DEVICE)
    where.add_argument("--train-processes", type=whole, metavar="N", help=_PROCESSES)
    result = parser.add_argument_group("results")
    result.add_argument("--name", metavar="NAME", help="name of the run (default: from target and space)")
    result.add_argument("--runs-dir", default="runs", metavar="DIR", help="folder of all runs (default: runs)")
    result.add_argument(
        "--format", type=names, default=("onnx",), metavar="LIST", help="what to export, by commas (default: onnx)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas search``."""
    from dataclasses import replace

    from nas.cli.watch import make_watch
    from nas.jobs.host import suited_target
    from nas.jobs.search import existing_run, resume, start

    if arguments.resume is not None:
        workers = _workers_with_resume(arguments)
        path = existing_run(Path(arguments.resume))
        with make_watch() as watch:
            outcome = resume(path, watch, workers=workers)
    else:
        wishes = _wishes(arguments)
        with make_watch() as watch:
            measure = not (arguments.smoke or arguments.no_measure)
            target = suited_target(wishes.target, wishes.space, watch, measure=measure)
            wishes = replace(wishes, target=target)
            outcome = start(wishes, runs_dir=Path(arguments.runs_dir), name=arguments.name, watch=watch)
    from nas.cli.summary import search_summary

    print(search_summary(outcome))
    return 0


def _wishes(arguments: argparse.Namespace) -> Any:
    if arguments.target is None:
        from nas.hardware.profile import profile_names

        raise UserError(f"--target is needed; known: {', '.join(profile_names())} (or --resume RUN)")
    from nas.search.config import Workers
    from nas.search.defaults import Wishes
    from nas.search.objective import Constraints

    limits = {name: getattr(arguments, name) for name in ("latency_ms", "macs", "params", "peak_memory_bytes")}
    same = (
        *("target", "data", "data_root", "space", "blocks", "warm_start", "sampler", "select", "seed", "smoke"),
        *("evaluations", "finalists", "supernet_epochs", "finalist_epochs", "candidate_epochs", "evaluator"),
        *("supernet_divergence", "final_seeds", "time_budget_s", "precision", "study_storage"),
    )
    return Wishes(
        **{name: getattr(arguments, name) for name in same},
        constraints=Constraints(**limits, margin=arguments.margin),
        accuracy_slack=arguments.accuracy_slack / 100,
        measure=_measure(arguments),
        workers=Workers(**_where(arguments)),
        formats=arguments.format,
    )


def _measure(arguments: argparse.Namespace) -> Any:
    from nas.search.latency_check import MeasureOrder

    if arguments.measure_finalists:
        return MeasureOrder(None, arguments.via, arguments.tool)
    if arguments.via or arguments.tool:
        raise UserError("--via and --tool say where --measure-finalists measures; add it, or leave them out")
    return None


def _workers_with_resume(arguments: argparse.Namespace) -> Any:
    """Return what changes where a run goes on, None if nothing; all else goes on as it was begun.

    Raises:
        UserError: if another flag was given: it would silently do nothing.
    """
    from dataclasses import replace

    from nas.cli.parser import build_parser

    defaults = vars(build_parser().parse_args(["search"]))
    ours = ("resume", "run")
    given = [name for name, value in vars(arguments).items() if name not in ours and value != defaults[name]]
    refused = [name for name in given if name not in _WHERE]
    if refused:
        flags = ", ".join("--" + name.replace("_", "-") for name in refused)
        raise UserError(f"--resume continues a run as it was begun; leave out {flags}")
    changes = _where(arguments)
    return (lambda workers: replace(workers, **changes)) if changes else None


def _where(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was said about where to run, by its name in the configuration."""
    given = {ours: getattr(arguments, name) for name, ours in _WHERE.items()}
    return {name: value for name, value in given.items() if value is not None}


_WHERE = {
    "ray_address": "address",
    "workers": "count",
    "cpus_per_trial": "cpus",
    "gpus_per_trial": "gpus",
    "device": "device",
    "train_processes": "train_processes",
    "storage_path": "storage",
}


_STUDY = (
    "database in which searches share one study: postgresql://USER@HOST/DB, mysql://..., redis://HOST:6379/0 or an "
    "SQLite file; the password may also stand in NAS_STUDY_PASSWORD (default: the study is in the run alone)"
)
_DATA = "digits, sample-photos, an image folder, an .npz file, or a timm name such as torch/cifar10 (default: digits)"
_EVALUATOR = (
    "what scores candidates: supernet (the default), train (each from scratch, the best third again three times as "
    "long), proxy or proxy:NAME+NAME (no training, only ranks) or table:FILE (accuracies that are known)"
)
_SELECT = "accuracy_per_mac, accuracy, latency or knee (default: accuracy_per_mac)"
_SLACK = "accuracy that the rule may give up, in points (default: 1)"
_TIME = "2h, 30m, 90s: the whole search takes so long; evaluations and epochs that are given are then upper limits"
_PRECISION = "float or int8: candidates are scored as if rounded to eight bits (default: the target's precision)"
_SEEDS = "trainings of the winner and of the best known design (default: 3 on small data, else 1)"
_MARGIN = (
    "what is added to a latency estimate, for its error, before it is held to the limit: 0.1 adds a tenth (default: 0)"
)
_DIVERGENCE = (
    "how subnets learn from the largest: kl (soft targets) or alpha (AlphaNet's adaptive divergence) (default: kl)"
)
_WARM_START = (
    "start the shared weights from a checkpoint of timm's: a network of the space, with the weights that timm offers "
    "(downloaded) or those of FILE, .safetensors or .pth"
)
_MEASURE = "choose the winner by measured latencies: here if the target is this machine, else --via"
_NO_MEASURE = "never measure this CPU; else host-cpu is measured once, two minutes, on a CPU that it does not describe"
_STORAGE = (
    "folder that every node of a cluster sees, or a bucket (s3://bucket/folder): images that a node does not see by "
    "itself are put there once, and fetched once by each node"
)
_RAY = "local, auto or HOST:PORT; inline uses no Ray at all (default: local)"
_DEVICE = "what trains and evaluates: auto, cpu, cuda, cuda:1 or mps (default: auto, a GPU where there is one)"
_PROCESSES = "processes that train the supernet together, each on its share of a batch; GPUs are dealt out (default: 1)"
