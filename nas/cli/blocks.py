"""The flag ``--blocks`` of every command that reads search spaces or architectures."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_blocks_flag(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Declare the flag."""
    parser.add_argument("--blocks", metavar="FILE", help="Python file of your own block families; it is run")


def load_named(arguments: argparse.Namespace) -> None:
    """Load the file that was named, if any.

    Raises:
        UserError: if it cannot be read, fails, or defines no legal family.
    """
    if arguments.blocks is not None:
        from nas.blocks.user import load_blocks

        load_blocks(Path(arguments.blocks))
