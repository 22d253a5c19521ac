"""Which files of block families the user has named on this machine.

A run keeps a copy of its file, so that commands on the run need not name it again. A run that came from somebody else
must not run code by being opened: its copy counts only if the same text was once named with ``--blocks``.
"""

from __future__ import annotations

from pathlib import Path

from nas.errors import UserError
from nas.resources import user_cache

_this_process: set[str] = set()  # for a machine whose cache folder cannot be written


def remember(digest: str) -> None:
    """Note that the user named a file with this digest."""
    _this_process.add(digest)
    try:
        _mark(digest).parent.mkdir(parents=True, exist_ok=True)
        _mark(digest).touch()
    except OSError:
        return  # it still counts in this process; the next one has to be told again


def require_named(digest: str, path: Path) -> None:
    """Check that the file at `path`, with this digest, was named by the user before.

    Raises:
        UserError: if not, saying how to name it.
    """
    if digest not in _this_process and not _mark(digest).is_file():
        raise UserError(
            f"{path} is Python code that was never named on this machine, so it is not run; "
            f"read it, then name it once: nas spaces --blocks {path}"
        )


def _mark(digest: str) -> Path:
    return user_cache() / "blocks" / digest
