"""Entry point: runs a command and turns errors into one line and an exit code.

Exit codes: 0 done, 1 the program failed, 2 the user asked for something wrong, 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from nas.cli.parser import build_parser
from nas.errors import INTERRUPTED_CODE, TERMINATED_CODE, NasError, Terminated

_PATHS = {
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENOENT),
    *(errno.EEXIST, errno.EROFS, errno.EINVAL),
}  # mistakes of who named the path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
        with _sigterm_like_ctrl_c():
            code: int = arguments.run(arguments)
            sys.stdout.flush()
    except NasError as error:
        print(f"nas: {_printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        print("nas: stopped; a started run continues with: nas search --resume RUN", file=sys.stderr)
        return TERMINATED_CODE if isinstance(stop, Terminated) else INTERRUPTED_CODE
    except RecursionError:
        print("nas: an input is nested too deeply", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe, such as head, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A path that cannot be what the command needs, or a full disk: the system's own words say which.
        print(f"nas: {error.filename or 'input'}: {error.strerror or error}", file=sys.stderr)
        return 2 if error.errno in _PATHS else 1
    return code


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM raise, so that a run is let go of in order and the way to continue it is said."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


def _printable(text: str) -> str:
    """Return text that every terminal takes: halves of characters, which JSON can name, are written out."""
    return text.encode("utf-8", "backslashreplace").decode()
