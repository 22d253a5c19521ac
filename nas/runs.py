"""The run directory: where a search keeps everything, whole and in order.

Documents (JSON, YAML, text) are replaced whole or not at all. Records (JSON lines) are only ever appended and reach
the disk before the call returns; a last line cut in half by a crash is dropped, a damaged line before it is an
error. One process at a time may write into a run.
"""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nas import schema
from nas.errors import UserError

CONFIG = "config.yaml"
BLOCKS = "blocks.py"
CANDIDATES = "candidates.jsonl"
ASKED = "asked.jsonl"  # candidates proposed, so that those in the air when a search is killed are evaluated after all
RUNGS = "rungs.jsonl"  # of candidates that were trained again, longer
JOURNAL = "study.journal"
RESULT = "result.json"
PROGRESS = "progress.json"  # where a search stands: only tells, nothing depends on it
TIME = "time.json"  # what a budget of time came to on the way
LATENCY = "latency.json"  # predicted beside measured latencies, where the run's networks were measured
PAGE = "report.html"

_LEGAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOCK = ".lock"
_LOCK_TRIES = 3
_DESCRIBED_PACKAGES = ("nas", "torch", "torchvision", "timm", "optuna", "ray", "numpy", "onnx")


@dataclass
class RunDirectory:
    """A folder that one search owns. Use as a context manager, or call `close`, to let go of it."""

    path: Path
    _lock_descriptor: int | None = field(default=None, repr=False)

    @classmethod
    def create(cls, runs_dir: Path, name: str, *, resume: bool = False) -> RunDirectory:
        """Make a new run, or take up an old one, and lock it.

        Args:
            runs_dir: the folder that holds all runs; made if missing.
            name: the run's own name, a plain file name.
            resume: take up the run if it exists.

        Raises:
            UserError: if the name is not legal, the run exists (and `resume` is off) or another process writes it.
        """
        path = Path(runs_dir) / checked_name(name)
        if not resume and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(
                f"run {str(path)!r} exists already; continue it with --resume {path}, or choose another name"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path}: cannot be made ({error.strerror})") from None
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Take up an existing run and lock it.

        Raises:
            UserError: if there is no such run, or another process writes it.
        """
        path = Path(path)
        if not path.is_dir():
            raise UserError(f"run {str(path)!r} does not exist")
        return cls(path, _lock(path / _LOCK))

    def close(self) -> None:
        """Let go of the run, so that another process may write it."""
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def file(self, name: str) -> Path:
        """Return the path of a file of this run."""
        return self.path / name

    def write_json(self, name: str, data: object) -> Path:
        """Replace a JSON document; dataclasses are written as mappings."""
        text = json.dumps(schema.to_dict(data), indent=1, allow_nan=False)
        return self.write_text(name, text + "\n")

    def write_yaml(self, name: str, data: object) -> Path:
        """Replace a YAML document; dataclasses are written as mappings."""
        return self.write_text(name, yaml.safe_dump(schema.to_dict(data), sort_keys=False))

    def write_text(self, name: str, text: str) -> Path:
        """Replace a text file."""
        path = self.file(name)
        write_atomic(path, text.encode())
        return path

    def read_json(self, name: str) -> Any:
        """Read a JSON document.

        Raises:
            UserError: if it is missing or damaged.
        """
        return read_json(self.file(name))

    def append_record(self, name: str, record: object) -> None:
        """Append one JSON line; it is on disk when this returns."""
        append_record(self.file(name), record)

    def recover_records(self, name: str) -> list[dict[str, Any]]:
        """Read all records and cut off a last line that a crash left half written.

        Raises:
            UserError: if a line before the last is damaged.
        """
        path = self.file(name)
        if not path.exists():
            return []
        whole = _whole_part(path)
        if whole < path.stat().st_size:
            os.truncate(path, whole)
        return read_records(path)


def checked_name(name: str) -> str:
    """Return `name` if it can name a run.

    Raises:
        UserError: if it is not a plain file name.
    """
    if _LEGAL_NAME.fullmatch(name) is None:
        raise UserError(
            f"run name {name!r} is not legal; allowed: letters, digits, '.', '_' and '-', "
            "starting with a letter or digit, 100 characters at most"
        )
    return name


def finished(path: Path) -> bool:
    """Say whether a run has come to its end: its result is there, exported and reported.

    Raises:
        UserError: if the result is damaged.
    """
    if not ((path / RESULT).is_file() and (path / PAGE).is_file()):
        return False
    result = read_json(path / RESULT)
    return isinstance(result, dict) and "verification" in result


def held(path: Path) -> bool:
    """Say whether a process writes a run just now. Changes nothing."""
    import fcntl

    try:
        descriptor = os.open(path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def free_name(runs_dir: Path, stem: str) -> str:
    """Return `stem`, or `stem-2`, `stem-3`, ..., whichever no run in `runs_dir` has yet.

    Characters that a run name may not hold become ``-``.
    """
    legal = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:90] or "run"
    taken = {path.name for path in Path(runs_dir).glob("*")}
    names = (legal if i == 1 else f"{legal}-{i}" for i in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def write_atomic(path: Path, content: bytes) -> None:
    """Replace the file at `path`: readers see the old content or the new, never a part, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)  # mkstemp's files are private, a run's documents are not
        Path(partial).replace(path)
    except BaseException as error:
        Path(partial).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:
            error.filename = error.filename or str(path)
        raise


def append_record(path: Path, record: object) -> None:
    """Append one JSON line to `path` in one write, and wait for the disk; a line that does not fit is taken back.

    Raises:
        OSError: if the disk is full, or the file cannot be written; it then ends where it ended before.
    """
    line = record_line(record).encode()
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            if file.write(line) != len(line):  # what a disk does that becomes full in the middle of a line
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                file.truncate(before)
            error.filename = error.filename or str(path)
            raise


def record_line(record: object) -> str:
    """Return the line of a JSON-lines file that holds `record`."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        UserError: if it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the whole records of a JSON-lines file; a half-written last line is left out. Changes nothing.

    Raises:
        UserError: if an earlier line is damaged.
    """
    return list(_records(path, path.read_bytes()[: _whole_part(path)]))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on (those installed)."""
    found = {"python": platform.python_version()}
    for package in _DESCRIBED_PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "nas" not in found:  # run from a checkout that was not installed
        from nas import __version__

        found["nas"] = __version__
    return found


def _records(path: Path, content: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: damaged ({error}); restore the file or remove that line") from None
        if not isinstance(record, dict):
            raise UserError(f"{path}, line {number}: expected a mapping, got {schema.describe(record)}")
        yield record


def _whole_part(path: Path) -> int:
    """Count the bytes up to the end of the last line that was written to its end."""
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    last = content[:end].rstrip(b"\n").rsplit(b"\n", 1)[-1]
    try:
        json.loads(last or b"{}")
    except ValueError:
        # A crash of the machine may leave a line's end without its beginning (zeros).
        return end - len(last) - 1
    return end


def _lock(path: Path) -> int:
    # flock goes away with the process, however it ends; a lock file by existence would outlive a crash.
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UserError(f"run {str(path.parent)!r} cannot be written ({error.strerror})") from None
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.01)  # `held` may be looking: that takes microseconds
        else:
            return descriptor
    os.close(descriptor)
    raise UserError(f"run {str(path.parent)!r} is being written by another process; wait until it ends")
