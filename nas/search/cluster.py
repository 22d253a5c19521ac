"""Finding a Ray cluster without hanging: a dead address would otherwise block for many minutes.

An address is tried in three steps: its form, a socket, and a real connection in a process that can be ended. This
file does not import ray.
"""

from __future__ import annotations

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

LOCAL = "local"
AUTO = "auto"
INLINE = "inline"  # no Ray at all

_SOCKET_SECONDS = 3
_CONNECT_SECONDS = 25.0
_LOOK_SECONDS = 0.2
_CONNECT = "import sys, ray; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False); ray.shutdown()"
_REFUSED = ("InvalidAuthToken", "Version mismatch")  # what Ray repeats for ever, or says long before it gives up


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


def probe(address: str) -> None:
    """Make sure, within 30 s, that a cluster answers at `address` (``auto`` or ``HOST:PORT``) and lets us in.

    Raises:
        UserError: if not, with the reason and what helps.
    """
    if address == AUTO:
        _probe_current()
    else:
        _probe_socket(address)
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-c", _CONNECT, address]
        environment = {**os.environ, **token_environment()}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            joined = _joined(process, output)
        finally:
            process.kill()
            process.wait()
        if not joined:
            raise UserError(explain(address, _read(output)))


def token_environment() -> dict[str, str]:
    """Return what makes Ray use a token that is there; by itself it looks for one only at ``auto``."""
    if "RAY_AUTH_MODE" in os.environ:
        return {}
    given = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    kept = Path("~/.ray/auth_token").expanduser()
    return {"RAY_AUTH_MODE": "token"} if given or kept.is_file() else {}


def _joined(process: subprocess.Popen[bytes], output: IO[bytes]) -> bool:
    """Wait until the process has joined the cluster, is refused, or the time is up."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while time.monotonic() < deadline:
        try:
            return process.wait(_LOOK_SECONDS) == 0
        except subprocess.TimeoutExpired:
            if any(refusal in _read(output) for refusal in _REFUSED):
                return False
    return False


def _read(output: IO[bytes]) -> str:
    # Through its own position: the process goes on writing at the shared one.
    return os.pread(output.fileno(), 2**20, 0).decode(errors="replace")


def explain(address: str, output: str) -> str:
    """Turn what a failed connection printed into one message that says what helps."""
    where = f"Ray cluster at {address!r}" if address != AUTO else "Ray cluster on this machine"
    if "Version mismatch" in output:
        versions = [" ".join(line.split()) for line in output.splitlines() if "Ray:" in line or "Python:" in line]
        return (
            f"{where} runs another version ({', '.join(versions) or 'unknown'}); install the cluster's with "
            '`pip install "ray[tune]==VERSION"` under its Python, or restart it with this one'
        )
    if "InvalidAuthToken" in output or "authentication token" in output.lower():
        return (
            f"{where} wants its token, and the one given is missing or wrong; give it in ~/.ray/auth_token, "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
        )
    if "Could not find any running Ray instance" in output:
        return "no Ray cluster runs on this machine; start one with `ray start --head`, or use --ray-address local"
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
