"""Database servers of Debian's packages, started for a test on a free port of this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "s3cret/pass"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens at {port}")


@contextmanager
def postgres() -> Iterator[str]:
    """Give the URL of an empty database, without its password."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    pytest.importorskip("psycopg")
    if not found or (os.getuid() == 0 and shutil.which("runuser") is None):
        pytest.skip("no PostgreSQL server (Debian: postgresql)")
    tools, port = found[-1].parent, free_port()
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="nas-pg-", dir="/tmp"))
    (folder / "pw").write_text(PASSWORD)
    if user:
        subprocess.run(["chown", "-R", "postgres", str(folder)], check=True)
    try:
        made = [f"{tools}/initdb", "-D", f"{folder}/db", "-U", "nas", "-A", "scram-sha-256", f"--pwfile={folder}/pw"]
        subprocess.run([*user, *made], check=True, capture_output=True, cwd="/")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
        control = [*user, f"{tools}/pg_ctl", "-D", f"{folder}/db", "-w"]
        subprocess.run(
            [*control, "-o", options, "-l", f"{folder}/log", "start"], check=True, stdout=subprocess.DEVNULL, cwd="/"
        )
        try:
            yield f"postgresql://nas@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """Give the URL of an empty server."""
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no Redis server (Debian: redis-server)")
    port = free_port()
    command = [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--requirepass", PASSWORD]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/tmp")
    try:
        wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(timeout=10)


@contextmanager
def mysql() -> Iterator[str]:
    """Give the URL of an empty database of MariaDB, without its password."""
    pytest.importorskip("pymysql")
    install, program, client = (shutil.which(name) for name in ("mariadb-install-db", "mariadbd", "mariadb"))
    if install is None or program is None or client is None:
        pytest.skip("no MariaDB server (Debian: mariadb-server)")
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="nas-my-", dir="/tmp"))
    user = ["--user=mysql"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "mysql")
    plain = [f"--datadir={folder}/db", *user]
    made = [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", *plain]
    address = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
    try:
        subprocess.run(made, check=True, capture_output=True, cwd="/tmp")
        server = subprocess.Popen([program, "--no-defaults", *plain, *address], stderr=subprocess.DEVNULL, cwd="/tmp")
        try:
            wait_for(port)
            order = f"CREATE DATABASE study; CREATE USER nas IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON study.* TO nas"
            reached = [f"--socket={folder}/s", "--user=root"]
            subprocess.run([client, "--no-defaults", *reached, f"--execute={order}"], check=True, capture_output=True)
            yield f"mysql://nas@127.0.0.1:{port}/study"
        finally:
            server.terminate()
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
