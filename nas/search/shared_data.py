"""A data set for workers that do not see it: put once into a folder or bucket that all see, fetched once by each node.

Nothing else of a search needs such a place: the weights of the supernet travel through Ray's object store, and
workers write nothing but their results.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nas.errors import UserError
from nas.search.evaluate import Evaluator, EvaluatorSpec

_CHUNK_BYTES = 2**22
_GOOGLE = ("gs", "gcs")
_RETRY_SECONDS = 3  # several in a row


@dataclass(frozen=True, slots=True)
class WithSharedData:
    """Makes the evaluator of another recipe from the data in a shared place.

    Attributes:
        spec: the recipe, a dataclass with the fields ``data`` and ``data_root``.
        storage: folder or bucket URI.
        name: the archive in it.
    """

    spec: Any
    storage: str
    name: str

    def build(self) -> Evaluator:
        """Fetch the data, unless this node has them, and make the evaluator."""
        path = fetched(self.storage, self.name)
        evaluator: Evaluator = replace(self.spec, data=str(path), data_root=None).build()
        return evaluator

    def packed(self) -> WithSharedData:
        """Return a recipe that holds the content of every other file it needs."""
        return replace(self, spec=self.spec.packed())


def data_path(data: str | None, root: str | Path | None) -> Path | None:
    """Return the file or folder of this machine that data are; None where a name says it all."""
    from nas.data.load import absolute

    if data is None:
        return None
    spec, folder = absolute(data, None if root is None else Path(root))
    path = Path(spec) if folder is None else folder / spec
    return path if path.is_absolute() and path.exists() else None


def require_place(storage: str) -> None:
    """Refuse a place that cannot be written, before any work.

    Raises:
        UserError: with the reason.
    """
    files, folder = _opened(storage)
    probe = f"{folder}/.nas-{os.getpid()}"
    with _told(storage, "cannot be written"):
        files.create_dir(folder, recursive=True)
        with files.open_output_stream(probe) as write:
            write.write(b"nas")
        files.delete_file(probe)


def shared(spec: EvaluatorSpec, path: Path, storage: str) -> WithSharedData:
    """Put the data at `path` into the shared place, unless they are there, and return a recipe that takes them there.

    Args:
        spec: a dataclass with the fields ``data`` and ``data_root``.
        path: the data on this machine.
        storage: folder or bucket URI.

    Raises:
        UserError: if the place cannot be written.
    """
    name = f"nas-data-{_digest(path)}.zip"
    files, folder = _opened(storage)
    with _told(storage, "cannot be written"):
        if not _exists(files, f"{folder}/{name}"):
            with tempfile.NamedTemporaryFile(suffix=".zip") as archive:
                _pack(path, Path(archive.name))
                files.create_dir(folder, recursive=True)
                _copy_out(files, Path(archive.name), f"{folder}/{name}")
    return WithSharedData(spec, storage, name)


def fetched(storage: str, name: str) -> Path:
    """Return the data of an archive, unpacked in this node's cache; only the first worker of a node fetches them.

    Raises:
        UserError: if the archive cannot be read.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nas" / "data"
    cache.mkdir(parents=True, exist_ok=True)
    whole = cache / name.removesuffix(".zip")
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as part:
                try:
                    files, folder = _opened(storage)
                    with files.open_input_file(f"{folder}/{name}") as source, zipfile.ZipFile(source) as archive:
                        archive.extractall(Path(part) / "data")
                except (OSError, zipfile.BadZipFile) as error:
                    raise UserError(f"--storage-path {storage}: {name} cannot be read here ({error})") from None
                (Path(part) / "data").rename(whole)
    single = list(whole.iterdir())
    return single[0] if len(single) == 1 and single[0].is_file() else whole


def checked_storage(storage: str) -> str:
    """Return `storage` if its form is legal: an absolute folder or a URI that pyarrow knows.

    Raises:
        UserError: otherwise.
    """
    allowed = "an absolute folder that every node sees, or a bucket such as s3://bucket/folder or gs://bucket/folder"
    if "://" not in storage:
        if Path(storage).is_absolute():
            return storage
        raise UserError(f"--storage-path {storage!r}: must be {allowed}")
    try:
        secret = urlsplit(storage).password
    except ValueError as error:
        raise UserError(f"--storage-path: not a legal URI ({error}); allowed: {allowed}") from None
    if secret is not None:  # a run keeps what it was given
        raise UserError(
            "--storage-path: leave the keys out of the URI; nodes take them from their environment "
            "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS) or their machine's role"
        )
    return storage


def _opened(storage: str) -> tuple[Any, str]:
    from pyarrow import fs

    place = checked_storage(storage)
    scheme, _, rest = place.partition("://")
    if scheme in _GOOGLE and "retry_limit_seconds" not in rest:  # pyarrow tries for a quarter of an hour
        place += f"{'&' if '?' in rest else '?'}retry_limit_seconds={_RETRY_SECONDS}"
    with _told(storage, "cannot be opened"):
        files, folder = fs.FileSystem.from_uri(place)
    return files, folder.rstrip("/")


@contextmanager
def _told(storage: str, what: str) -> Iterator[None]:
    """Turn what a file system raises into one message."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        raise UserError(f"--storage-path {storage}: {what} ({' '.join(str(error).split())[:300]})") from None


def _exists(files: Any, path: str) -> bool:
    from pyarrow import fs

    return bool(files.get_file_info(path).type == fs.FileType.File)


def _copy_out(files: Any, source: Path, path: str) -> None:
    """Copy under another name first: who looks sees all of it or nothing."""
    part = f"{path}.{os.getpid()}.part"
    with source.open("rb") as read, files.open_output_stream(part) as write:
        shutil.copyfileobj(read, write, _CHUNK_BYTES)
    files.move(part, path)


def _pack(path: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:  # images are compressed already
        for file in _files(path):
            packed.write(file, file.relative_to(path) if path.is_dir() else file.name)


def _digest(path: Path) -> str:
    """Return a name for the data: of what they are made of, without reading all of it."""
    seen = hashlib.sha256(str(path).encode())
    for file in _files(path):
        status = file.stat()
        seen.update(f"{file.relative_to(path)}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    yield from (file for file in sorted(path.rglob("*")) if file.is_file())
