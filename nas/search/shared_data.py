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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.errors import UserError
from nas.search.evaluate import Evaluator, EvaluatorSpec

_CHUNK_BYTES = 2**22


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


def data_path(spec: object) -> Path | None:
    """Return the file or folder of this machine that a recipe's data are; None where a name says it all."""
    data = getattr(spec, "data", None)
    if data is None:
        return None
    root = getattr(spec, "data_root", None)
    path = Path(data) if root is None else Path(root) / data
    return path.absolute() if path.exists() else None


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
    try:
        if not _exists(files, f"{folder}/{name}"):
            with tempfile.NamedTemporaryFile(suffix=".zip") as archive:
                _pack(path, Path(archive.name))
                files.create_dir(folder, recursive=True)
                _copy_out(files, Path(archive.name), f"{folder}/{name}")
    except OSError as error:
        raise UserError(f"--storage-path {storage}: cannot be written ({error})") from None
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
    if Path(storage).is_absolute() or "://" in storage:
        return storage
    raise UserError(
        f"--storage-path {storage!r}: must be an absolute folder that every node sees, or a bucket such as "
        "s3://bucket/folder or gs://bucket/folder"
    )


def _opened(storage: str) -> tuple[Any, str]:
    from pyarrow import ArrowException, fs

    try:
        files, folder = fs.FileSystem.from_uri(checked_storage(storage))
    except (ArrowException, OSError, ValueError) as error:
        raise UserError(f"--storage-path {storage}: cannot be opened ({' '.join(str(error).split())[:200]})") from None
    return files, folder.rstrip("/")


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
