"""Errors whose message is meant for a person.

Every mistake a user can make ends in one `UserError`: it says what is wrong, where, what was allowed and
the nearest legal name. The command line prints it as one line and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

INTERRUPTED_CODE = 130  # exit codes of what a signal ended: 128 and its number
TERMINATED_CODE = 143


class Terminated(KeyboardInterrupt):  # noqa: N818 - named like its base
    """SIGTERM, which stops as Ctrl-C does; schedulers and containers send it."""


class NasError(Exception):
    """A failure of the program that a person should read; exit code 1."""

    exit_code = 1


class UserError(NasError):
    """A mistake in what the user gave: a name, a flag, a file; exit code 2."""

    exit_code = 2


class InfeasibleError(UserError):
    """No architecture within the constraints was found in a bounded number of tries."""


def first_line(error: BaseException) -> str:
    """Return what an error says in one line of at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that begins with `name` or is closest in spelling; None if nothing is close."""
    lowered = {n.lower(): n for n in allowed}
    begun = [n for n in lowered if name and n.startswith(name.lower())]
    if begun:
        return lowered[min(begun, key=len)]
    match = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.5)
    return lowered[match[0]] if match else None


def unknown_name(what: str, name: str, allowed: Iterable[str], *, where: str = "") -> UserError:
    """Build the error for a name that does not exist.

    Args:
        what: the kind of thing that was named, e.g. ``"target"``.
        name: what was given.
        allowed: every legal name.
        where: the place it was given, e.g. ``"$.stages[2]"``.
    """
    names = sorted(allowed)
    place = f"{where}: " if where else ""
    close = nearest(name, names)
    hint = f"; did you mean {close!r}?" if close else ";"
    return UserError(f"{place}unknown {what} {name!r}{hint} allowed: {', '.join(names)}")
