"""The commands, in the order in which help lists them: one file each."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Protocol

from nas.cli.commands import (
    calibrate,
    compress,
    export,
    predict,
    profile,
    report,
    search,
    select,
    spaces,
    specialise,
    status,
    supernet,
    targets,
    verify,
    zoo,
)


class Command(Protocol):
    """What a file of this folder defines. It imports nothing heavy before it runs."""

    HELP: str
    """One line: what the command does."""
    EXAMPLES: str
    """What stands below its help."""

    def add_flags(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work and return the exit code."""


COMMANDS: Mapping[str, Command] = {
    "search": search,
    "status": status,
    "select": select,
    "specialise": specialise,
    "supernet": supernet,
    "compress": compress,
    "export": export,
    "verify": verify,
    "predict": predict,
    "profile": profile,
    "calibrate": calibrate,
    "targets": targets,
    "spaces": spaces,
    "zoo": zoo,
    "report": report,
}
