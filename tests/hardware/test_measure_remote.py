"""Devices by ssh and adb: fake programs on the PATH answer as the real ones do (formats: see the modules)."""

import json
import os
import sys
from pathlib import Path

import pytest
from torch import nn

from nas.errors import UserError
from nas.hardware.measure import benchmark_model, tensorrt
from nas.hardware.measure.engine import MeasuringError, Settings
from nas.hardware.measure.open import open_engine
from nas.hardware.measure.transport import Adb, Ssh, open_transport

# trtexec 10.x; 8.x writes startInMs, endInMs, computeMs and so on beside the same two.
TIMES = json.dumps(
    [
        {"startEnqMs": 0.1, "endEnqMs": 0.2, "startH2dMs": 0.0, "endH2dMs": 0.1, "startComputeMs": t,
         "endComputeMs": t + ms, "startD2hMs": t + ms, "endD2hMs": t + ms + 0.1, "latencyMs": ms + 0.2}
        for t, ms in ((1.0, 0.71), (2.0, 0.70), (3.0, 0.75), (4.0, 0.72), (5.0, 0.90))
    ]
)  # fmt: skip
PROFILE = """[
  { "count" : 250 }
, { "name" : "conv1 + relu1", "timeMs" : 30.1, "averageMs" : 0.1204, "medianMs" : 0.12, "percentage" : 60.2 }
, { "name" : "Reformatting CopyNode for Input Tensor 0 to fc", "timeMs" : 19.9, "averageMs" : 0.0796, "medianMs" : 0.08, "percentage" : 39.8 }
]"""  # noqa: E501
SUMMARY = """[05/08/2024-14:05:14] [I] === Performance summary ===
[05/08/2024-14:05:14] [I] Throughput: 169.352 qps
[05/08/2024-14:05:14] [I] Latency: min = 5.38959 ms, max = 6.19507 ms, mean = 5.93288 ms, median = 6.02185 ms, percentile(99%) = 6.17407 ms
[05/08/2024-14:05:14] [I] GPU Compute Time: min = 3.17834 ms, max = 3.88306 ms, mean = 3.63242 ms, median = 3.71753 ms, percentile(90%) = 3.8 ms, percentile(95%) = 3.81 ms, percentile(99%) = 3.87793 ms
[05/08/2024-14:05:14] [I] Total GPU Compute Time: 1.87796 s
"""  # noqa: E501
BENCHMARK = """STARTING!
Graph: [/data/local/tmp/model.tflite]
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
count=1 curr=3512391

count=50 first=2990275 curr=2913402 min=2727568 max=3189954 avg=2.95034e+06 std=109798

Inference timings in us: Init: 17187, First inference: 3512391, Warmup (avg): 3.51239e+06, Inference (avg): 2.95034e+06
"""
NEWER = (
    "count=25 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 p5=140545 median=141253 p95=187533"
)
OPERATORS = (
    "Profiling Info for Benchmark Initialization:\n"
    "============================== Run Order ==============================\n"
    "\t[node type]\t[start]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
    "\tAllocateTensors\t0.0\t1.3\t1.3\t100.0%\t100.0%\t0.0\t1\tAllocateTensors/0\n\n"
    "Operator-wise Profiling Info for Regular Benchmark Runs:\n"
    "============================== Run Order ==============================\n"
    "\t   [node type]\t  [start]\t [first]\t[avg ms]\t [%]\t [cdf%]\t [mem KB]\t[times called]\t[Name]\n"
    "\t   CONV_2D\t  0.066\t 87.754\t 60.957\t 2.066%\t 2.066%\t 0.000\t 1\t[MobilenetV1/Conv2d_0/Relu6]:0\n"
    "\t   SOFTMAX\t  2950.0\t 0.230\t 0.233\t 0.008%\t 100.0%\t 0.000\t 1\t[MobilenetV1/Reshape_1]:30\n\n"
    "============================== Top by Computation Time ==============================\n"
)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a fake program on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, body: str) -> Path:
        path = folder / name
        path.write_text(f"#!{sys.executable}\nimport sys, os, subprocess, shutil\n{body}\n")
        path.chmod(0o755)
        return path

    return make


# A device that is this machine: runs what ssh is given, with its own folder for files.
LOCAL_SSH = "sys.exit(subprocess.run(sys.argv[-1], shell=True).returncode)"
LOCAL_SCP = "shutil.copy(sys.argv[-2], sys.argv[-1].partition(':')[2])"


def test_trtexec_times_come_from_the_exported_runs():
    timing = tensorrt.read_timing(SUMMARY, TIMES, PROFILE)
    assert timing.median_ms == pytest.approx(0.72)
    assert timing.runs == 5
    assert timing.layers[0] == ("conv1 + relu1", 0.1204)
    assert len(timing.layers) == 2


def test_trtexec_without_exported_times_is_read_from_its_summary():
    timing = tensorrt.read_timing(SUMMARY, "", "")
    assert (timing.median_ms, timing.p10_ms, timing.layers) == (3.71753, 3.17834, ())
    with pytest.raises(MeasuringError, match="no GPU Compute Time"):
        tensorrt.read_timing("[I] nothing", "", "")


def test_benchmark_model_prints_microseconds():
    assert benchmark_model.read_timing(BENCHMARK).median_ms == pytest.approx(2950.34)
    assert benchmark_model.read_timing(BENCHMARK).runs == 50
    assert benchmark_model.read_timing(NEWER).latency_ms == pytest.approx(141.253)
    only_summary = BENCHMARK.splitlines()[-1]
    assert benchmark_model.read_timing(only_summary).median_ms == pytest.approx(2950.34)
    with pytest.raises(MeasuringError, match="ERROR: Failed to load"):
        benchmark_model.read_timing("STARTING!\nERROR: Failed to load the model")


def test_operators_are_read_from_the_regular_runs():
    layers = benchmark_model.read_layers(OPERATORS)
    assert layers == (("CONV_2D [MobilenetV1/Conv2d_0/Relu6]:0", 60.957), ("SOFTMAX [MobilenetV1/Reshape_1]:30", 0.233))


def test_onnxruntime_by_ssh_runs_the_script_that_was_copied(programs, tmp_path):
    programs("ssh", LOCAL_SSH)
    programs("scp", LOCAL_SCP)
    transport = Ssh("pi", "user", folder=str(tmp_path / "there"))
    from nas.hardware.measure.remote_onnxruntime import RemoteOnnxRuntime

    engine = RemoteOnnxRuntime.connect(transport, Settings(1), sys.executable)
    assert (tmp_path / "there" / "on_device.py").is_file()
    assert engine.device()
    assert engine.measure(nn.Conv2d(3, 4, 3), (3, 8, 8), seconds=0.01).median_ms > 0


def test_tensorrt_by_ssh_finds_trtexec_and_reads_what_it_wrote(programs, tmp_path):
    programs("ssh", LOCAL_SSH)
    programs("scp", LOCAL_SCP)
    trtexec = programs(
        "trtexec",
        "given = dict(a.split('=', 1) for a in sys.argv[1:] if '=' in a)\n"
        "assert os.path.getsize(given['--onnx']) > 100 and '--fp16' in sys.argv\n"
        f"open(given['--exportTimes'], 'w').write({TIMES!r})\n"
        f"open(given['--exportProfile'], 'w').write({PROFILE!r})",
    )
    transport = Ssh("jetson", folder=str(tmp_path / "there"))
    engine = tensorrt.TensorRT.connect(transport, Settings(None, "fp16"), None)
    assert engine.program == "trtexec"
    timing = engine.measure(nn.Conv2d(3, 4, 3), (3, 8, 8), seconds=1.0)
    assert timing.median_ms == pytest.approx(0.72)
    trtexec.write_text(f"#!{sys.executable}\nprint('[E] Error[4]: unsupported node Foo')\nraise SystemExit(1)\n")
    with pytest.raises(MeasuringError, match="unsupported node Foo"):
        engine.measure(nn.Conv2d(3, 4, 3), (3, 8, 8), seconds=1.0)


def test_a_device_without_trtexec_is_told_what_to_install(programs):
    programs("ssh", LOCAL_SSH)
    with pytest.raises(UserError, match="libnvinfer-bin"):
        open_engine("tensorrt", via="ssh://jetson", threads=1, precision=None, tool=None)


def test_a_device_without_onnxruntime_is_told_what_to_install(programs):
    python = programs("python-without", "sys.exit('ModuleNotFoundError: No module named onnxruntime')")
    programs("ssh", LOCAL_SSH)
    with pytest.raises(UserError, match="-m pip install onnxruntime numpy"):
        open_engine("onnxruntime", via="ssh://pi", threads=1, precision=None, tool=str(python))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ssh: Could not resolve hostname jetsn: Name or service not known", "no such host"),
        ("user@host: Permission denied (publickey,password).", "ssh-copy-id"),
        ("ssh: connect to host x port 22: Connection refused", "is sshd running"),
        ("ssh: connect to host x port 22: Connection timed out", "no answer"),
        ("Host key verification failed.", "connect once by hand"),
        ("kex_exchange_identification: read: reset", "kex_exchange_identification"),
    ],
)
def test_ssh_trouble_is_told_plainly(programs, said, meant):
    programs("ssh", f"sys.stderr.write({said!r}); sys.exit(255)")
    with pytest.raises(UserError, match=meant):
        open_engine("onnxruntime", via="ssh://user@host:2222", threads=1, precision=None, tool=None)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("error: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set", "accept this computer's key"),
        ("error: more than one device/emulator", "more than one device"),
        ("error: no devices/emulators found", "USB debugging"),
        ("error: device 'X1' not found", "no such device"),
        ("error: device offline", "offline"),
    ],
)
def test_adb_trouble_is_told_plainly(programs, tmp_path, said, meant):
    programs("adb", f"sys.stderr.write({said!r}); sys.exit(1)")
    tool = tmp_path / "benchmark_model"
    tool.write_text("")
    with pytest.raises(UserError, match=meant):
        open_engine("litert", via="adb://X1", threads=1, precision=None, tool=str(tool))


def test_adb_needs_the_users_benchmark_model(programs):
    with pytest.raises(UserError, match="benchmark_model for the device"):
        open_engine("litert", via="adb://X1", threads=1, precision=None, tool=None)


def test_benchmark_model_runs_on_the_device(programs, tmp_path, monkeypatch):
    log = tmp_path / "log"
    programs(
        "adb",
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))\n"
        f"print({BENCHMARK!r} if 'graph=' in sys.argv[-1] else 'Pixel 4')\n"
        f"print({OPERATORS!r} if 'op_profiling' in sys.argv[-1] else '')",
    )
    tool = tmp_path / "benchmark_model"
    tool.write_text("")
    monkeypatch.setattr(benchmark_model, "to_tflite", lambda *_: b"TFL3")
    engine = open_engine("litert", via="adb://X1", threads=4, precision="int8", tool=str(tool))
    timing = engine.measure(nn.Conv2d(3, 4, 3), (3, 8, 8), seconds=0.1)
    assert engine.device() == "Pixel 4"
    assert timing.median_ms == pytest.approx(2950.34)
    assert len(timing.layers) == 2
    assert "-s X1 shell" in log.read_text()
    assert "--num_threads=4" in log.read_text()


def test_a_missing_program_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="'ssh' is not installed"):
        Ssh("host").run(["true"], seconds=1)


def test_a_silent_device_does_not_hang(programs, monkeypatch):
    programs("adb", "import time; time.sleep(5)")
    with pytest.raises(MeasuringError, match="no answer within"):
        Adb().run(["true"], seconds=0.2)


def test_places_are_read_from_the_address():
    ssh = open_transport("ssh://user@host:2222")
    assert isinstance(ssh, Ssh)
    assert (ssh.place, ssh.port) == ("user@host", 2222)
    assert open_transport("ssh://pi").place == "pi"
    assert open_transport("adb://").place == "the Android device"
