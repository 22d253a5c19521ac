import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nas.errors import UserError
from nas.search import cluster
from nas.search.nodes import Node, all_see
from nas.search.ray_executor import RayExecutor


@pytest.mark.parametrize("address", ["local", "auto", "10.0.0.5:6379", "head:6379", "[::1]:6379"])
def test_legal_addresses(address):
    assert cluster.checked_address(address) == address
    assert RayExecutor(address).address == address


@pytest.mark.parametrize("address", ["", "head", "head:", ":6379", "head:port", "head:70000", "Auto"])
def test_illegal_addresses_name_the_legal_ones(address):
    with pytest.raises(UserError, match="allowed: local, auto, HOST:PORT"):
        RayExecutor(address)


def test_ray_client_is_refused_with_the_alternatives():
    with pytest.raises(UserError, match=r"--ray-address auto.*ray job submit"):
        RayExecutor("ray://head:10001")


@pytest.mark.parametrize("given", [{"workers": 0}, {"cpus_per_worker": 0}, {"gpus_per_worker": -1}])
def test_senseless_settings_are_refused(given):
    with pytest.raises(UserError, match="worker"):
        RayExecutor(**given)


def test_a_dead_address_is_told_quickly():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    with pytest.raises(UserError, match="no Ray cluster answers"):
        cluster.probe(f"127.0.0.1:{port}")
    assert time.perf_counter() - start < 2


def test_something_else_at_the_address_does_not_hang(monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(cluster, "_CONNECT", "import time; print('retrying', flush=True); time.sleep(60)")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(UserError, match=r"could not be joined within 0.5 s \(retrying\)"):
            cluster.probe(f"127.0.0.1:{listener.getsockname()[1]}")


def test_a_refusal_that_ray_repeats_for_ever_is_told_at_once(monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT", "import time; print('InvalidAuthToken', flush=True); time.sleep(60)")
    start = time.perf_counter()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(UserError, match="missing or wrong"):
            cluster.probe(f"127.0.0.1:{listener.getsockname()[1]}")
    assert time.perf_counter() - start < 10


def test_the_trace_of_a_dead_cluster_is_told_quickly(monkeypatch, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(dead)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match=f"ray_current_cluster names a Ray cluster at {dead}.*ray stop"):
        cluster.probe("auto")
    monkeypatch.setenv("RAY_ADDRESS", dead)
    with pytest.raises(UserError, match="RAY_ADDRESS names"):
        cluster.probe("auto")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(UserError, match="Ray Client is not supported"):
        cluster.probe("auto")


def test_a_token_that_is_there_is_used(monkeypatch, tmp_path):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cluster.token_environment() == {}
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    assert cluster.token_environment() == {"RAY_AUTH_MODE": "token"}
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert cluster.token_environment() == {}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "RuntimeError: Version mismatch: The cluster was started with:\n    Ray: 2.58.1\n    Python: 3.11.2\n"
            "This process on node 10.0.0.5 was started with:\n    Ray: 2.60.0\n    Python: 3.11.2\n",
            "another version: Ray 2.58.1 and Python 3.11.2 there, Ray 2.60.0 and Python 3.11.2 here",
        ),
        ("RPC error: InvalidAuthToken: Authentication token is missing", "RAY_AUTH_TOKEN_PATH"),
        ("ConnectionError: Could not find any running Ray instance.", "ray start --head"),
        ("nas-refused no worker fits: each needs 8 CPUs\n", "Ray cluster at 'head:6379': no worker fits"),
        ("nas-joined \n", "its nodes did not answer"),
        ("", "no answer"),
    ],
)
def test_reasons_are_explained(output, message):
    assert re.search(message, cluster.explain("head:6379", output))


def test_what_the_nodes_have_is_read(monkeypatch):
    facts = '[{"name": "10.0.0.5", "problem": null, "sees": false}]'
    monkeypatch.setattr(cluster, "_CONNECT", f"print('noise'); print('nas-joined '); print('nas-joined ' + {facts!r})")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        found = cluster.probe(f"127.0.0.1:{listener.getsockname()[1]}")
    assert found == [Node("10.0.0.5", None, sees=False)]
    assert all_see(found, None, None)
    assert not all_see(found, Path("/photos"), "s3://bucket")
    with pytest.raises(UserError, match=r"/photos: not seen by Ray node 10.0.0.5; give --storage-path"):
        all_see(found, Path("/photos"), None)


@pytest.mark.parametrize(
    ("needs", "resources", "workers"),
    [
        ((1, 0), {"CPU": 4.0}, 4),
        ((3, 0), {"CPU": 4.0}, 1),
        ((8, 0), {"CPU": 4.0}, 0),
        ((1, 0.25), {"CPU": 16.0, "GPU": 2.0}, 8),
        ((1, 0.1), {"CPU": 16.0, "GPU": 1.0}, 10),
        ((1, 0.6), {"CPU": 16.0, "GPU": 2.0}, 2),
        ((1, 2), {"CPU": 16.0, "GPU": 5.0}, 2),
        ((1, 1), {"CPU": 16.0}, 0),
    ],
)
def test_no_worker_is_spread_over_nodes_or_shares_of_gpus(needs, resources, workers):
    from nas.search.ray_nodes import Needs

    assert Needs(*needs).fit(resources) == workers


def test_naming_an_executor_does_not_import_ray():
    code = "import sys; from nas.search.ray_executor import RayExecutor; RayExecutor(); print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
