"""Finding a Ray cluster without hanging: a dead address would otherwise block for many minutes.

An address is tried in three steps: its form, a socket, and a real connection in a process that can be ended. This
file does not import ray.
"""

from __future__ import annotations

import socket
import subprocess
import sys

from nas.errors import UserError

LOCAL = "local"
AUTO = "auto"
INLINE = "inline"  # no Ray at all

_SOCKET_SECONDS = 3
_CONNECT_SECONDS = 30
_CONNECT = "import sys, ray; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False); ray.shutdown()"


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
    """Make sure that a cluster answers at `address` (``auto`` or ``HOST:PORT``) and lets us in.

    Raises:
        UserError: if not, with the reason and what helps.
    """
    if address != AUTO:
        _probe_socket(address)
    command = [sys.executable, "-c", _CONNECT, address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_CONNECT_SECONDS, check=False)
    except subprocess.TimeoutExpired as expired:
        raise UserError(explain(address, _text(expired.stderr) + _text(expired.stdout))) from None
    if done.returncode != 0:
        raise UserError(explain(address, done.stderr + done.stdout))


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
            f"{where} wants its token; set RAY_AUTH_MODE=token and give the token in ~/.ray/auth_token, "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
        )
    if "Could not find any running Ray instance" in output:
        return "no Ray cluster runs on this machine; start one with `ray start --head`, or use --ray-address local"
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no answer")
    return f"{where} could not be joined within {_CONNECT_SECONDS} s ({last[:300]}); is its head node up?"


def _probe_socket(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SOCKET_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"no Ray cluster answers at {address!r} ({reason}); is its head node up, and the port the one that "
            "`ray start --head` printed (6379 by default)?"
        ) from None


def _text(output: str | bytes | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
