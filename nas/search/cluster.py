"""Finding a Ray cluster without hanging: a dead address would otherwise block for many minutes.

An address is tried in four steps: its form, a socket, a real connection in a process that can be ended, and a question
to each node there. This file does not import ray.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from nas.errors import UserError
from nas.search.nodes import Node

LOCAL = "local"
AUTO = "auto"
INLINE = "inline"  # no Ray at all

_SOCKET_SECONDS = 3
_CONNECT_SECONDS = 22.0
_NODES_SECONDS = 65.0  # a little longer than a node is waited for
_LOOK_SECONDS = 0.2
_CONNECT = "import sys; from nas.search.ray_nodes import main; main(*sys.argv[1:])"
_REFUSALS = ("InvalidAuthToken", "Version mismatch")  # what Ray repeats for ever, or says long before it gives up

# How `nas.search.ray_nodes.main` begins what it says.
JOINED = "nas-joined "
REFUSED = "nas-refused "


def checked_address(address: str) -> str:
    """Return `address` if its form is legal: ``local``, ``auto`` or ``HOST:PORT``.

    Raises:
        UserError: otherwise, with what to use instead.
    """
    if address in (LOCAL, AUTO):
        return address
    if address.startswith("ray://"):
        raise UserError(
            f"Ray address {address!r}: Ray Client is not supported; run the same command on the head node with "
            "--ray-address auto, or submit it with `ray job submit --address http://HEAD:8265 -- nas search ...`"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(
            f"Ray address {address!r} is not legal; allowed: local, auto, HOST:PORT (such as 10.0.0.5:6379)"
        )
    return address


def probe(address: str, *, cpus: int = 1, gpus: float = 0, data: Path | None = None) -> list[Node]:
    """Make sure that a cluster answers at `address` and lets us in, within 30 s, and ask its nodes what they have.

    Args:
        address: ``auto`` or ``HOST:PORT``.
        cpus: that a worker takes; nodes without room for one are not asked.
        gpus: the same.
        data: a path that nodes are asked about.

    Returns:
        The nodes with room for a worker.

    Raises:
        UserError: if it does not answer, with the reason and what helps, or has no room for a worker.
    """
    if address == AUTO:
        _probe_current()
    else:
        _probe_socket(address)
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-c", _CONNECT, address, str(cpus), str(gpus), "" if data is None else str(data)]
        # The process shall find what this one finds, also where nothing is installed.
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment = {**os.environ, **token_environment(), **paths}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            answer = _answer(process, output)
        finally:
            process.kill()
            process.wait()
        if answer is not None:
            return [Node(**facts) for facts in json.loads(answer)]
        raise UserError(explain(address, _read(output)))


def token_environment() -> dict[str, str]:
    """Return what makes Ray use a token that is there; by itself it looks for one only at ``auto``."""
    if "RAY_AUTH_MODE" in os.environ:
        return {}
    given = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    kept = Path("~/.ray/auth_token").expanduser()
    return {"RAY_AUTH_MODE": "token"} if given or kept.is_file() else {}


def _answer(process: subprocess.Popen[bytes], output: IO[bytes]) -> str | None:
    """Wait until the process has told of the nodes, or it is clear that it will not."""
    start = time.monotonic()
    while time.monotonic() - start < (_NODES_SECONDS if JOINED in _read(output) else _CONNECT_SECONDS):
        over = _ended(process)
        said = _read(output)
        answer = _line(said, JOINED)
        if answer:
            return answer
        if over or any(refusal in said for refusal in (*_REFUSALS, REFUSED)):
            return None
    return None


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _line(said: str, beginning: str) -> str:
    """Return the rest of the last whole line that begins so; the empty text if there is none."""
    lines = [line for line in said.splitlines(keepends=True) if line.startswith(beginning) and line.endswith("\n")]
    return lines[-1].removeprefix(beginning).strip() if lines else ""


def _read(output: IO[bytes]) -> str:
    # Through its own position: the process goes on writing at the shared one.
    return os.pread(output.fileno(), 2**20, 0).decode(errors="replace")


def explain(address: str, output: str) -> str:
    """Turn what a failed connection printed into one message that says what helps."""
    where = f"Ray cluster at {address!r}" if address != AUTO else "Ray cluster on this machine"
    if "Version mismatch" in output:
        versions = re.findall(r"^\s*(Ray|Python): (\S+)\s*$", output, re.MULTILINE)
        told = [f"{name} {version}" for name, version in versions[:4]]
        theirs, ours = " and ".join(told[:2]) or "unknown", " and ".join(told[2:]) or "unknown"
        return (
            f"{where} runs another version: {theirs} there, {ours} here; install the cluster's here with "
            '`pip install "ray[tune]==VERSION"` under its Python, or restart it with this one'
        )
    if "InvalidAuthToken" in output or "authentication token" in output.lower():
        return (
            f"{where} wants its token, and the one given is missing or wrong; give it in ~/.ray/auth_token, "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
        )
    if REFUSED in output:
        return f"{where}: {_line(output, REFUSED)}"
    if "Could not find any running Ray instance" in output:
        return "no Ray cluster runs on this machine; start one with `ray start --head`, or use --ray-address local"
    if JOINED in output:
        return f"{where}: its nodes did not answer within {_NODES_SECONDS:g} s; `ray status` there shows them"
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no answer")
    return f"{where} could not be joined within {_CONNECT_SECONDS:g} s ({last[:300]}); is its head node up?"


def _probe_current() -> None:
    """Refuse what Ray calls the current cluster if it is dead: Ray itself would wait for it."""
    current = Path(os.environ.get("RAY_TMPDIR") or "/tmp") / "ray" / "ray_current_cluster"
    named = os.environ.get("RAY_ADDRESS", "").strip()
    if named.startswith("ray://"):
        checked_address(named)
    if named:
        place, helps = "RAY_ADDRESS", "unset it, or give --ray-address"
    elif current.is_file():
        named = current.read_text().strip()
        place, helps = str(current), "run `ray stop`, which removes it, and `ray start --head`"
    if re.fullmatch(r".+:\d+", named):
        try:
            _open_socket(named)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"{place} names a Ray cluster at {named} that does not answer ({reason}); {helps}"
            ) from None


def _probe_socket(address: str) -> None:
    try:
        _open_socket(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"no Ray cluster answers at {address!r} ({reason}); is its head node up, and the port the one that "
            "`ray start --head` printed (6379 by default)?"
        ) from None


def _open_socket(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_SOCKET_SECONDS).close()
