"""Reaching a device by the `ssh`, `scp` and `adb` programs: files there, commands there, and clear words if not."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nas.errors import UserError
from nas.hardware.measure.engine import MeasuringError

CONNECT_SECONDS = 10
COPY_SECONDS = 120.0
_SSH = re.compile(r"ssh://(?:(?P<user>[\w.-]+)@)?(?P<host>[\w][\w.-]*)(?::(?P<port>\d{1,5}))?/?")
_ADB = re.compile(r"adb://(?P<serial>[\w.:-]*)/?")


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended on the device."""

    code: int
    output: str


class Transport(Protocol):
    """A way to a device."""

    @property
    def place(self) -> str:
        """The device for a person, e.g. ``user@jetson``."""

    @property
    def folder(self) -> str:
        """A folder on the device that files may be put into."""

    def push(self, path: Path, target: str) -> None:
        """Copy a file to the device."""

    def run(self, command: Sequence[str], *, seconds: float) -> Finished:
        """Run a command on the device; standard output and error come together.

        Raises:
            UserError: if the device cannot be reached.
            MeasuringError: if the command takes longer than `seconds`.
        """


@dataclass(frozen=True, slots=True)
class Ssh:
    """A device reached with the user's own ssh configuration and keys; it never asks for a password."""

    host: str
    user: str | None = None
    port: int | None = None
    folder: str = ".cache/nas-profile"  # in the home of the user there

    @property
    def place(self) -> str:
        """``user@host``."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def push(self, path: Path, target: str) -> None:
        """Copy a file by scp."""
        port = ["-P", str(self.port)] if self.port else []
        done = _call(["scp", "-q", *_SSH_OPTIONS, *port, str(path), f"{self.place}:{target}"], COPY_SECONDS)
        if done.code:
            raise UserError(f"{self.place}: cannot copy to {target}: {ssh_trouble(self.place, done.output)}")

    def run(self, command: Sequence[str], *, seconds: float) -> Finished:
        """Run a command by ssh."""
        port = ["-p", str(self.port)] if self.port else []
        done = _call(["ssh", *_SSH_OPTIONS, *port, self.place, shlex.join(command)], seconds + CONNECT_SECONDS)
        if done.code == 255:  # ssh's own failures
            raise UserError(ssh_trouble(self.place, done.output))
        return done


@dataclass(frozen=True, slots=True)
class Adb:
    """An Android device; an empty serial number means the only one."""

    serial: str = ""
    folder: str = "/data/local/tmp/nas-profile"

    @property
    def place(self) -> str:
        """The serial number."""
        return self.serial or "the Android device"

    def push(self, path: Path, target: str) -> None:
        """Copy a file by adb."""
        done = _call(["adb", *self._which(), "push", str(path), target], COPY_SECONDS)
        if done.code:
            raise UserError(adb_trouble(self.serial, done.output))

    def run(self, command: Sequence[str], *, seconds: float) -> Finished:
        """Run a command by adb shell."""
        done = _call(["adb", *self._which(), "shell", shlex.join(command)], seconds)
        if done.code and _ADB_TROUBLE.search(done.output):
            raise UserError(adb_trouble(self.serial, done.output))
        return done

    def _which(self) -> list[str]:
        return ["-s", self.serial] if self.serial else []


def open_transport(via: str) -> Transport:
    """Read ``ssh://[user@]host[:port]`` or ``adb://[SERIAL]``.

    Raises:
        UserError: if it is neither.
    """
    ssh, adb = _SSH.fullmatch(via), _ADB.fullmatch(via)
    if ssh:
        return Ssh(ssh["host"], ssh["user"], int(ssh["port"]) if ssh["port"] else None)
    if adb:
        return Adb(adb["serial"])
    raise UserError(f"--via {via}: expected ssh://user@host, ssh://user@host:port or adb://SERIAL")


def found_program(transport: Transport, candidates: Sequence[str], missing: str) -> str:
    """Return the first of `candidates` that the device can run.

    Raises:
        UserError: with `missing` if it can run none.
    """
    for candidate in candidates:
        if transport.run(["sh", "-c", f"command -v {shlex.quote(candidate)}"], seconds=20).code == 0:
            return candidate
    raise UserError(f"{transport.place}: {missing}")


def push_bytes(transport: Transport, content: bytes, name: str) -> str:
    """Write a file called `name` into the folder on the device; return its path there."""
    target = f"{transport.folder}/{name}"
    with tempfile.TemporaryDirectory() as here:
        path = Path(here) / name
        path.write_bytes(content)
        transport.push(path, target)
    return target


def device_name(transport: Transport) -> str:
    """Return what the device calls itself."""
    asked = "getprop ro.product.model 2>/dev/null || tr -d '\\0' < /proc/device-tree/model 2>/dev/null || uname -nm"
    lines = transport.run(["sh", "-c", asked], seconds=20).output.split("\n")
    return next((" ".join(line.split()) for line in lines if line.strip()), transport.place)


def ssh_trouble(place: str, output: str) -> str:
    """Say why ssh failed, and what helps."""
    text = output.lower()
    for sign, meaning in _SSH_MEANINGS:
        if sign in text:
            return f"{place}: {meaning}"
    last = [line for line in output.splitlines() if line.strip()]
    return f"{place}: ssh failed ({last[-1].strip() if last else 'it said nothing'})"


def adb_trouble(serial: str, output: str) -> str:
    """Say why adb failed, and what helps."""
    text, device = output.lower(), serial or "device"
    for sign, meaning in _ADB_MEANINGS:
        if sign in text:
            return f"{device}: {meaning}"
    last = [line for line in output.splitlines() if line.strip()]
    return f"{device}: adb failed ({last[-1].strip() if last else 'it said nothing'})"


def _call(command: Sequence[str], seconds: float) -> Finished:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL, encoding="utf-8",
            errors="replace",
        )  # fmt: skip
    except FileNotFoundError:
        raise UserError(f"the program {command[0]!r} is not installed here; {_INSTALL[command[0]]}") from None
    except subprocess.TimeoutExpired:
        raise MeasuringError(f"{command[0]}: no answer within {seconds:.0f} s") from None
    return Finished(done.returncode, done.stdout + done.stderr)


_SSH_OPTIONS = ("-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}")
_INSTALL = {
    "ssh": "install the OpenSSH client",
    "scp": "install the OpenSSH client",
    "adb": "install the Android platform tools",
}
_SSH_MEANINGS = (
    ("could not resolve hostname", "no such host; check the name, or give its address"),
    ("host key verification failed", "its key is not known or has changed; connect once by hand with ssh"),
    ("permission denied", "it refuses this user; set up a key: ssh-copy-id"),
    ("connection refused", "nothing listens there; is sshd running?"),
    ("connection timed out", "no answer; is it switched on and in this network?"),
    ("no route to host", "no answer; is it switched on and in this network?"),
)
_ADB_MEANINGS = (
    ("unauthorized", "not authorised; unlock it and accept this computer's key, then run again"),
    ("more than one device", "more than one device is connected; name one: --via adb://SERIAL (see: adb devices)"),
    ("no devices", "no device is connected, or USB debugging is off (see: adb devices)"),
    ("not found", "no such device is connected (see: adb devices)"),
    ("offline", "the device is offline; reconnect it"),
    ("permission denied", "the device does not let adb write there"),
)
_ADB_TROUBLE = re.compile(
    r"unauthorized|more than one device|no devices|device '[^']*' not found|device offline", re.IGNORECASE
)
