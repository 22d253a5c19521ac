"""The commands and their flags; nothing heavy is imported until a command runs."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from nas import __version__
from nas.cli.commands import COMMANDS
from nas.errors import UserError, nearest

_EXAMPLES = """examples:
  nas search --target jetson-orin                      search, train, export and verify on the built-in digits
  nas search --target coral-edgetpu --data ./photos    your own images: ./photos/train/<class>/*.jpg
  nas predict --target pixel4-cpu --model timm:mobilenetv3_small_100
  nas targets                                          the devices that are known, and how well
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
    for name, command in COMMANDS.items():
        made = commands_of.add_parser(name, help=command.HELP, description=command.HELP, epilog=command.EXAMPLES)
        command.add_flags(made)
        made.set_defaults(run=command.run)
    return parser
