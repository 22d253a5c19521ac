"""Entry point: runs a command and turns errors into one line and an exit code.

Exit codes: 0 done, 1 the program failed, 2 the user asked for something wrong, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from nas.cli.parser import build_parser
from nas.errors import NasError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except NasError as error:
        print(f"nas: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("nas: stopped; a started run continues with: nas search --resume RUN", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe, such as head, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
