"""Converters and runtimes that write to the terminal, kept from it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from nas.hardware.measure.convert import quiet


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Drop what Python code prints and logs, and what compiled code writes to standard output and error."""
    with quiet(), _nowhere():
        yield


@contextlib.contextmanager
def _nowhere() -> Iterator[None]:
    # Compiled code does not know sys.stdout: only the descriptors themselves can be turned away.
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor, _ in saved:
            os.dup2(nowhere, descriptor)
        yield
    finally:
        for descriptor, copy in saved:
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)
