"""Clusters that a search cannot use: python -m tests.chaos.misfits [--others RAY ...]; prints what each was told.

Every case starts a real Ray on this machine, or leaves what a dead one leaves, and runs `nas search` against it as a
user would. It has to end within 30 seconds, with exit code 2 and one line. `--others` are `ray` programs of other
virtual environments: of another version of Ray, or of another Python.
"""

# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST_S = 30.0
OUR_RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
OTHER_NAS = {"missing": "raise ModuleNotFoundError(\"No module named 'nas'\")", "older": "__version__ = '0.0.9'"}


@dataclass(frozen=True)
class Came:
    """What a search came to.

    Attributes:
        seconds: that it took.
        code: its exit code; None if it had to be killed.
        err: what it said there.
    """

    seconds: float
    code: int | None
    err: str

    @property
    def told(self) -> bool:
        """Whether it ended as it has to: one line, in time."""
        return self.code == 2 and self.seconds <= LONGEST_S and self.err.count("\n") == 1


def search(folder: Path, address: str, env: Mapping[str, str], *more: str) -> Came:
    command = [sys.executable, "-m", "nas", "search", "--target", "jetson-orin", "--smoke", "--ray-address", address]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--runs-dir", str(folder / "runs"), *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**_plain(), **env},
        start_new_session=True,
    )
    try:
        _, err = process.communicate(timeout=4 * LONGEST_S)
        return Came(time.perf_counter() - start, process.returncode, err)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return Came(time.perf_counter() - start, None, process.communicate()[1])


@contextmanager
def ray(
    folder: Path, *flags: str, program: Sequence[str] = OUR_RAY, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run `ray start` until the end; what it leaves behind when it is ended is left."""
    command = [*program, "start", *flags, "--block", "--object-store-memory=80000000", "--disable-usage-stats"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**_plain(), **(env or {})}, start_new_session=True, cwd=folder
        )
        try:
            _wait_for(log, process, "Ray runtime started")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_for(log, process: subprocess.Popen, text: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        said = os.pread(log.fileno(), 2**20, 0).decode(errors="replace")
        if text in said:
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"ray start: {said}")


def _plain() -> dict[str, str]:
    """The environment without what Ray reads, and without a token that is kept in the home folder."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTHONPATH"))}


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _head(port: int, cpus: int = 1) -> list[str]:
    ports = ["--dashboard-agent-listen-port", str(_port())]
    return ["--head", "--port", str(port), "--num-cpus", str(cpus), "--include-dashboard=false", *ports]


def of_another_version(folder: Path, env: Mapping[str, str], program: str) -> Came:
    port = _port()
    with ray(folder, *_head(port), program=[program], env=env):
        return search(folder, f"127.0.0.1:{port}", env)


def with_token(folder: Path, env: Mapping[str, str], given: str | None, address: str = "") -> Came:
    port = _port()
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "the-right-token-of-this-cluster"}
    ours = {} if given is None else {"RAY_AUTH_TOKEN": given}
    with ray(folder, *_head(port), env={**env, **guarded}):
        return search(folder, address or f"127.0.0.1:{port}", {**env, **ours})


def stale_file(folder: Path, env: Mapping[str, str]) -> Came:
    with ray(folder, *_head(_port()), env=env):
        pass
    trace = folder / "ray" / "ray_current_cluster"
    assert trace.is_file(), "Ray has removed its trace; the case is no longer one"
    return search(folder, "auto", env)


def nobody_there(folder: Path, env: Mapping[str, str]) -> Came:
    return search(folder, f"127.0.0.1:{_port()}", env)


def something_else_there(folder: Path, env: Mapping[str, str]) -> Came:
    port = _port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        return search(folder, f"127.0.0.1:{port}", env)
    finally:
        server.kill()
        server.wait()


@contextmanager
def node_without(folder: Path, env: Mapping[str, str], hidden: Path, content: str = "") -> Iterator[str]:
    """Give the address of a head without CPUs, and of a node that sees another folder in the place of `hidden`.

    Ray gives workers the driver's `sys.path`, so the node sees the file system otherwise than the driver: needs root.
    """
    other = folder / "other"
    other.mkdir()
    if content:
        (other / "__init__.py").write_text(content + "\n")
    port = _port()
    with ExitStack() as stack:
        stack.enter_context(ray(folder, *_head(port, 0), env=env))
        program = ["unshare", "--mount", "sh", "-c", f'mount --bind {other} {hidden} && exec "$@"', "sh", *OUR_RAY]
        stack.enter_context(ray(folder, f"--address=127.0.0.1:{port}", "--num-cpus=1", program=program, env=env))
        yield f"127.0.0.1:{port}"


def node_of(folder: Path, env: Mapping[str, str], content: str) -> Came:
    """A node where another package of our name lies in the place of ours."""
    import nas

    with node_without(folder, env, Path(nas.__file__).parent, content) as address:
        return search(folder, address, env)


def data_unseen(folder: Path, env: Mapping[str, str], *more: str) -> Came:
    from tests.small_run import small_wishes

    (folder / "data").mkdir()
    small_wishes(folder / "data")
    where = ["--data", str(folder / "data" / "colours.npz"), "--space", str(folder / "data" / "toy.yaml")]
    with node_without(folder, env, folder / "data") as address:
        return search(folder, address, env, *where, "--latency-ms", "10", *more)


def too_many_cpus(folder: Path, env: Mapping[str, str]) -> Came:
    """Two nodes of one CPU have no room for a worker of two."""
    port = _port()
    with ray(folder, *_head(port), env=env), ray(folder, f"--address=127.0.0.1:{port}", "--num-cpus=1", env=env):
        return search(folder, f"127.0.0.1:{port}", env, "--cpus-per-trial", "2")


CASES = {
    "dead address": nobody_there,
    "something else at the address": something_else_there,
    "stale cluster file": stale_file,
    "no cluster": lambda folder, env: search(folder, "auto", env),
    "token missing": lambda folder, env: with_token(folder, env, None),
    "token wrong": lambda folder, env: with_token(folder, env, "some-other-token-that-is-wrong"),
    "token missing, auto": lambda folder, env: with_token(folder, env, None, "auto"),
    "nas missing on a node": lambda folder, env: node_of(folder, env, OTHER_NAS["missing"]),
    "another nas on a node": lambda folder, env: node_of(folder, env, OTHER_NAS["older"]),
    "no node large enough": too_many_cpus,
    "data that a node does not see": data_unseen,
}

NEED_ROOT = {case for case in CASES if "node" in case and case != "no node large enough"}  # they mount


def run(case: str) -> Came:
    """Run a case in folders of its own, Ray's and the home included: sockets need a short path."""
    folder = Path(tempfile.mkdtemp(prefix="nas-", dir="/tmp"))
    try:
        env = {"RAY_TMPDIR": str(folder), "HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
        if case in CASES:
            return CASES[case](folder, env)
        return of_another_version(folder, env, case)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help="of these, by a part of their names; all without any")
    parser.add_argument("--others", nargs="*", default=[], help="programs `ray` of other environments")
    chosen = parser.parse_args()
    wanted = [case for case in CASES if not chosen.cases or any(part in case for part in chosen.cases)]
    right = True
    for case in [*wanted, *chosen.others]:
        if case in NEED_ROOT and os.getuid() != 0:
            print(json.dumps({"case": case, "left_out": "needs root"}), flush=True)
            continue
        came = run(case)
        right &= came.told
        print(json.dumps({"case": case, "told": came.told, "seconds": round(came.seconds, 1), "code": came.code}))
        print("   " + came.err.strip().replace("\n", "\n   "), flush=True)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
