"""The commands and their flags; nothing heavy is imported until a command runs."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from nas import __version__
from nas.cli import commands
from nas.errors import UserError, nearest

_EXAMPLES = """examples:
  nas search --target jetson-orin                      search, train, export and verify on the built-in digits
  nas search --target coral-edgetpu --data ./photos    your own images: ./photos/train/<class>/*.jpg
  nas predict --target pixel4-cpu --model timm:mobilenetv3_small_100
  nas targets                                          the devices that are known, and how well
"""
_SEARCH_EXAMPLES = """examples:
  nas search --target jetson-orin
  nas search --target jetson-orin --smoke                        everything, in about a minute
  nas search --target pixel4-cpu --data ./photos --latency-ms 20
  nas search --target coral-edgetpu --data torch/cifar10+download --data-root ~/data
  nas search --target jetson-orin --ray-address auto             on the Ray cluster of this machine
  nas search --resume runs/jetson-orin-tiny-hybrid               continue after Ctrl-C or a crash
"""


class Parser(argparse.ArgumentParser):
    """Reports a wrong flag as one line that names the nearest legal one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing usage and leaving.

        Raises:
            UserError: always.
        """
        raise UserError(self._with_hint(message) + f" (see: {self.prog} --help)")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: D102  # argparse's contract
        parsed, rest = super().parse_known_args(args, namespace)
        if rest and callable(self._defaults.get("run")):
            # Here, and not in the outermost parser, the command's own flags are known.
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return parsed, rest

    def _with_hint(self, message: str) -> str:
        wrong = re.search(r"unrecognized arguments: (\S+)|invalid choice: '([^']*)'", message)
        if wrong is None:
            return message
        flag, choice = wrong.groups()
        if choice is not None:
            legal = [m.strip(" '") for m in message.partition("choose from")[2].rstrip(")").split(",")]
            close = nearest(choice, legal)
        else:
            close = nearest(flag.partition("=")[0], [o for o in self._option_string_actions if o.startswith("--")])
        return f"{message}; did you mean {close!r}?" if close else message


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="nas",
        description="Finds the best small neural network for a device: searches, trains, exports and verifies it.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"nas {__version__}")
    commands_of = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str, epilog: str = "") -> Parser:
        made: Parser = commands_of.add_parser(name, help=text, description=text, epilog=epilog)
        made.set_defaults(run=run)
        return made

    _search(command("search", commands.search, "search the best network for a target", _SEARCH_EXAMPLES))
    _export(command("export", commands.export, "export the winner of a run and check the files"))
    _predict(command("predict", commands.predict, "predict cost and latency of a network on a target"))
    _targets(command("targets", commands.targets, "list the devices, and what stands behind their latencies"))
    _spaces(command("spaces", commands.spaces, "list the search spaces, or show one"))
    _zoo(command("zoo", commands.zoo, "list the published networks, and what they cost on the targets"))
    _report(command("report", commands.report, "write a run's report again"))
    return parser


def _search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="NAME", help="hardware profile: a name (see nas targets) or a YAML file")
    parser.add_argument("--resume", metavar="RUN", help="continue this run; takes no other flag")
    data = parser.add_argument_group("what to search on")
    data.add_argument("--data", default="digits", metavar="DATA", help=_DATA)
    data.add_argument("--data-root", metavar="DIR", help="folder that relative data names are looked for in")
    data.add_argument("--space", metavar="NAME", help="search space: a name (see nas spaces) or a YAML file")
    budget = parser.add_argument_group("budget (hard limits, checked before any training)")
    budget.add_argument("--latency-ms", type=positive, metavar="MS", help="default: derived from space and target")
    budget.add_argument("--macs", type=count, metavar="N", help="multiply-adds of one image; 5M and 1.2G work too")
    budget.add_argument("--params", type=count, metavar="N", help="trainable parameters")
    budget.add_argument("--peak-memory-bytes", type=count, metavar="N", help="activations alive at once, in float32")
    budget.add_argument("--margin", type=share, default=0.0, metavar="F", help="part of the latency kept for its error")
    how = parser.add_argument_group("how to search")
    how.add_argument("--sampler", metavar="NAME", help="evolution (the default), nsga2, tpe or random")
    how.add_argument("--evaluations", type=whole, metavar="N", help="candidates that are scored")
    how.add_argument("--finalists", type=whole, metavar="N", help="candidates that are trained to the end")
    how.add_argument("--supernet-epochs", type=whole, metavar="N", help="passes that train the shared weights")
    how.add_argument("--finalist-epochs", type=whole, metavar="N", help="passes that train each finalist")
    how.add_argument("--select", default="accuracy_per_mac", metavar="RULE", help=_SELECT)
    how.add_argument("--accuracy-slack", type=points, default=1.0, metavar="POINTS", help=_SLACK)
    how.add_argument("--seed", type=seed, default=0, metavar="N", help="same seed, same candidates (default: 0)")
    how.add_argument("--smoke", action="store_true", help="everything at the smallest size, in about a minute")
    where = parser.add_argument_group("where to run")
    where.add_argument("--ray-address", default="local", metavar="ADDRESS", help=_RAY)
    where.add_argument("--workers", type=whole, metavar="N", help="candidates evaluated at once (default: all CPUs)")
    where.add_argument("--cpus-per-trial", type=whole, default=1, metavar="N", help="CPUs of one evaluation")
    where.add_argument(
        "--gpus-per-trial",
        type=gpus,
        default=0.0,
        metavar="N",
        help="GPUs that Ray keeps for one (not used yet: networks run on the CPU)",
    )
    result = parser.add_argument_group("results")
    result.add_argument("--name", metavar="NAME", help="name of the run (default: from target and space)")
    result.add_argument("--runs-dir", default="runs", metavar="DIR", help="folder of all runs (default: runs)")
    result.add_argument(
        "--format", type=names, default=("onnx",), metavar="LIST", help="what to export, by commas (default: onnx)"
    )


def _export(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example:\n  nas export runs/jetson-orin-tiny-hybrid --format onnx\n"
    parser.add_argument("path", metavar="RUN", help="a finished run, such as runs/jetson-orin-tiny-hybrid")
    parser.add_argument(
        "--format", type=names, default=("onnx",), metavar="LIST", help="formats, by commas (default: onnx)"
    )


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "examples:\n  nas predict --target jetson-orin --model timm:mobilenetv3_small_100 --resolution 192\n"
        "  nas predict --target coral-edgetpu --architecture runs/NAME/winner/architecture.json --json\n"
    )
    parser.add_argument("--target", required=True, metavar="NAME", help="hardware profile: a name or a YAML file")
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--model", metavar="timm:NAME", help="any model of timm")
    network.add_argument("--architecture", metavar="FILE", help="an architecture in JSON or YAML")
    parser.add_argument("--resolution", type=whole, metavar="R", help="side of the image (default: the network's own)")
    parser.add_argument("--kernels", type=whole, default=10, metavar="N", help="slowest kernels shown (default: 10)")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def _targets(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "examples:\n  nas targets\n  nas targets --json\n"
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def _spaces(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "examples:\n  nas spaces\n  nas spaces tiny-hybrid --target coral-edgetpu\n"
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this space")
    parser.add_argument("--target", metavar="NAME", help="show it as this target can run it")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def _zoo(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "examples:\n  nas zoo\n  nas zoo --target jetson-orin --space mobile-hybrid\n"
    parser.add_argument("--target", metavar="NAME", help="latencies of this target alone (default: every shipped one)")
    parser.add_argument("--space", metavar="NAME", help="say which are points of this space, as the target can run it")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example:\n  nas report runs/jetson-orin-tiny-hybrid\n"
    parser.add_argument("path", metavar="RUN", help="a finished run")


def positive(text: str) -> float:
    """Read a number above zero."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value


def whole(text: str) -> int:
    """Read a whole number of at least one."""
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def count(text: str) -> int:
    """Read a count above zero that may end in k, M or G."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)", text)
    value = float(match[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[match[2]] if match else 0.0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a count above 0, such as 300000, 300k or 1.2G, got {text!r}")
    return int(value)


def share(text: str) -> float:
    """Read a fraction of at least 0."""
    value = _number(text)
    if not 0 <= value < 10:
        raise argparse.ArgumentTypeError(f"must be a fraction such as 0.1, got {text!r}")
    return value


def points(text: str) -> float:
    """Read percentage points."""
    value = _number(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"must be 0 to 100 points, got {text!r}")
    return value


def gpus(text: str) -> float:
    """Read a number of GPUs, which may be a part of one."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be 0 or more, such as 0.5, got {text!r}")
    return value


def seed(text: str) -> int:
    """Read a seed: a whole number that every generator takes."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise argparse.ArgumentTypeError(f"must name at least one, got {text!r}")
    return found


def _number(text: str) -> float:
    """Read a number; what is none becomes one that every check refuses."""
    try:
        return float(text)
    except ValueError:
        return math.nan


_DATA = "digits, an image folder, an .npz file, or a timm name such as torch/cifar10 (default: digits)"
_SELECT = "accuracy_per_mac, accuracy, latency or knee (default: accuracy_per_mac)"
_SLACK = "accuracy that the rule may give up, in points (default: 1)"
_RAY = "local, auto or HOST:PORT; inline uses no Ray at all (default: local)"
_GPUS = "GPUs that Ray keeps for one (not used yet: networks run on the CPU)"
