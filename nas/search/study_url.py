"""Where a shared study lies: the URL of a database, and how it is opened. A password is never shown or kept."""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nas.errors import UserError, nearest

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

PASSWORD = "NAS_STUDY_PASSWORD"
_SECONDS = 10
_TRIES = 5  # two searches that begin at once both make the tables
_FILES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of database: what SQLAlchemy calls it, the driver that has to be there, and its port."""

    dialect: str
    driver: str | None
    port: int | None


KINDS = {
    "postgresql": Kind("postgresql+psycopg", "psycopg", 5432),
    "mysql": Kind("mysql+pymysql", "pymysql", 3306),
    "redis": Kind("redis", "redis", 6379),
    "sqlite": Kind("sqlite", None, None),
}
_ALSO = {"postgres": "postgresql", "mariadb": "mysql", "rediss": "redis"}


@dataclass(frozen=True, slots=True)
class StudyUrl:
    """A database; shown without its password.

    Attributes:
        kind: a key of `KINDS`.
        full: as it was given, with the password.
    """

    kind: str
    full: str

    def __str__(self) -> str:
        return without_password(self.full)

    def __repr__(self) -> str:
        return f"StudyUrl({str(self)!r})"

    @property
    def password(self) -> str | None:
        """The password of the URL, or of the environment variable ``NAS_STUDY_PASSWORD``."""
        given = urlsplit(self.full).password
        return os.environ.get(PASSWORD) if given is None else unquote(given)

    def reason(self, error: Exception) -> str:
        """Say in one line why a database refused, without the password."""
        cause = getattr(error, "orig", None) or error.__cause__ or error
        cause = getattr(cause, "orig", None) or cause
        text = " ".join(str(cause).split()) or type(cause).__name__
        for secret in {self.password, quote(self.password or "", safe="")} - {None, ""}:
            text = text.replace(str(secret), "***")
        return text[:300]


def without_password(url: str) -> str:
    """Return a URL as it may be shown and kept."""
    try:
        parts = urlsplit(url)
        if parts.password is None:
            return url
    except ValueError:
        return "a URL that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}@{host}"))


def read_url(text: str) -> StudyUrl:
    """Read what stands behind ``--study-storage``: a URL, or the path of an SQLite file.

    Raises:
        UserError: if it is of no kind that is known, or incomplete.
    """
    if text.lower().endswith(_FILES) and "://" not in text:
        return StudyUrl("sqlite", f"sqlite:///{Path(text).absolute()}")
    scheme = text.partition("://")[0].partition("+")[0].lower()
    kind = _ALSO.get(scheme, scheme)
    allowed = "postgresql://USER@HOST/DATABASE, mysql://..., redis://HOST:6379/0, or the path of an SQLite file (*.db)"
    if "://" not in text or kind not in KINDS:
        close = nearest(scheme, (*KINDS, *_ALSO)) if "://" in text else None
        hint = f"; did you mean {close!r}?" if close else ";"
        raise UserError(f"study storage {without_password(text)!r} is not known{hint} allowed: {allowed}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UserError(f"study storage: not a legal URL ({error}); allowed: {allowed}") from None
    if kind == "sqlite":
        if parts.netloc or len(parts.path) < 2:
            raise UserError(f"study storage {text!r}: an SQLite file is sqlite:////absolute/path.db, or its plain path")
        return StudyUrl(kind, f"sqlite:///{Path(parts.path[1:]).absolute()}")
    if not parts.hostname or port == 0:
        raise UserError(f"study storage {without_password(text)!r} names no host; allowed: {allowed}")
    if kind != "redis" and len(parts.path) < 2:
        raise UserError(f"study storage {without_password(text)!r} names no database; allowed: {allowed}")
    return StudyUrl(kind, text)


def open_storage(url: StudyUrl) -> BaseStorage:
    """Connect to a database, and make Optuna's tables where there are none.

    Raises:
        UserError: if its driver is not installed, nothing answers, or it does not let us in.
    """
    kind = KINDS[url.kind]
    if kind.driver is not None and importlib.util.find_spec(kind.driver) is None:
        raise UserError(f"study storage {url}: the driver {kind.driver} is not installed; pip install 'nas[storage]'")
    _require_answer(url)
    for attempt in range(1, _TRIES + 1):
        try:
            return _redis(url) if url.kind == "redis" else _database(url)
        except Exception as error:  # drivers raise each their own
            made_elsewhere = "already exists" in str(error) or "UNIQUE" in str(error) or "locked" in str(error)
            if attempt < _TRIES and made_elsewhere:
                time.sleep(0.5 * attempt)
                continue
            hint = "" if url.password else f" (a password is taken from the URL or from {PASSWORD})"
            raise UserError(f"study storage {url} cannot be used: {url.reason(error)}{hint}") from None
    raise AssertionError("the last attempt returns or raises")


def _require_answer(url: StudyUrl) -> None:
    """Refuse a host that does not answer at once: drivers wait for minutes."""
    parts = urlsplit(url.full)
    if url.kind == "sqlite":
        folder = Path(parts.path[1:]).parent
        if not folder.is_dir():
            raise UserError(f"study storage {url}: the folder {folder} does not exist")
        return
    host, port = parts.hostname or "", parts.port or KINDS[url.kind].port
    try:
        socket.create_connection((host, port or 0), timeout=_SECONDS).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"study storage {url}: nothing answers at {host}:{port} ({reason})") from None


def _database(url: StudyUrl) -> BaseStorage:
    from optuna.storages import RDBStorage

    parts = urlsplit(url.full)
    seconds: dict[str, Any] = {"timeout": 60} if url.kind == "sqlite" else {"connect_timeout": _SECONDS}
    netloc = parts.netloc
    if url.kind != "sqlite" and parts.password is None and url.password:
        user, _, host = netloc.rpartition("@")
        netloc = f"{user}:{quote(url.password, safe='')}@{host}"
    full = urlunsplit(parts._replace(scheme=KINDS[url.kind].dialect, netloc=netloc))
    if url.kind == "sqlite":
        full = url.full
    return RDBStorage(full, engine_kwargs={"connect_args": seconds, "pool_pre_ping": True})


def _redis(url: StudyUrl) -> BaseStorage:
    import warnings

    import redis
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalRedisBackend

    parts = urlsplit(url.full)
    limits = f"socket_connect_timeout={_SECONDS}&socket_timeout={_SECONDS}"
    netloc = parts.netloc
    if parts.password is None and url.password:
        user, _, host = netloc.rpartition("@")
        netloc = f"{user}:{quote(url.password, safe='')}@{host}"
    full = urlunsplit(parts._replace(netloc=netloc, query="&".join(filter(None, (parts.query, limits)))))
    redis.Redis.from_url(full).ping()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return JournalStorage(JournalRedisBackend(full, prefix="nas"))
