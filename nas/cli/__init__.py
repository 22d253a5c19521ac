"""The command line: parses, calls one function of the program, prints what it returns."""

from nas.cli.main import main

__all__ = ["main"]
