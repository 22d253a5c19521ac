"""From names to an engine: ``onnxruntime`` here, ``tensorrt`` by ssh, ``litert`` by adb."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nas.errors import UserError, unknown_name
from nas.hardware.measure.engine import Engine, Settings
from nas.hardware.measure.litert import LiteRT
from nas.hardware.measure.onnxruntime import OnnxRuntime
from nas.hardware.measure.torch_cpu import TorchCpu

HERE: Mapping[str, Callable[[Settings], Engine]] = {"onnxruntime": OnnxRuntime, "litert": LiteRT, "torch": TorchCpu}
THERE: Mapping[str, tuple[str, ...]] = {"ssh": ("onnxruntime", "tensorrt"), "adb": ("litert",)}
PRECISIONS: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("fp32", "int8"),
    "litert": ("fp32", "int8"),
    "torch": ("fp32",),
    "tensorrt": ("fp16", "fp32"),
}
ENGINES = tuple(PRECISIONS)


def open_engine(name: str, *, via: str | None, threads: int, precision: str | None, tool: str | None) -> Engine:
    """Return what measures.

    Args:
        name: one of `ENGINES`.
        via: ``ssh://user@host`` or ``adb://SERIAL``; None measures here.
        threads: inside one operator.
        precision: None takes the engine's first.
        tool: where the device has trtexec or Python; for adb, the benchmark_model to push.

    Raises:
        UserError: if engine, device and precision do not go together, or the device does not answer.
    """
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    legal = PRECISIONS[name]
    if precision is not None and precision not in legal:
        raise UserError(f"engine {name} measures {' or '.join(legal)}, not {precision}")
    settings = Settings(threads if name != "tensorrt" else None, precision or legal[0])  # type: ignore[arg-type]
    if via is not None:
        return _remote(name, via, settings, tool)
    if name not in HERE:
        raise UserError(f"engine {name} runs on a device, not here: add --via ssh://user@host")
    if tool is not None:
        raise UserError("--tool names a program on a device; without --via nothing needs it")
    return HERE[name](settings)


def _remote(name: str, via: str, settings: Settings, tool: str | None) -> Engine:
    from nas.hardware.measure import benchmark_model, remote_onnxruntime, tensorrt
    from nas.hardware.measure.transport import open_transport

    scheme = via.partition("://")[0]
    if "://" not in via or scheme not in THERE:
        raise UserError(f"--via {via}: expected ssh://user@host or adb://SERIAL")
    if name not in THERE[scheme]:
        ways = " or ".join(s for s, engines in THERE.items() if name in engines)
        hint = f"{name} is measured via {ways}" if ways else f"{name} is measured here, without --via"
        raise UserError(f"--via {via}: {hint}; via {scheme} there is {' and '.join(THERE[scheme])}")
    transport = open_transport(via)
    if name == "tensorrt":
        return tensorrt.TensorRT.connect(transport, settings, tool)
    if name == "litert":
        return benchmark_model.BenchmarkModel.connect(transport, settings, tool)
    return remote_onnxruntime.RemoteOnnxRuntime.connect(transport, settings, tool)
