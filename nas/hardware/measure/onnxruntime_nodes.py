"""What ONNX Runtime's profiler says of each kernel of a whole network, with the caches as they are in that network.

The profiler adds a microsecond or two to what it reports of a kernel, more in between; whole runs are therefore
timed without it, before and after.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from nas.cost.kernels import Kernel
from nas.errors import first_line
from nas.hardware.fit_terms import TimedNetwork
from nas.hardware.measure.convert import random_image
from nas.hardware.measure.engine import InputShape, MeasuringError
from nas.hardware.measure.onnxruntime import session_options
from nas.hardware.measure.timing import Timing, time_call
from nas.hardware.signature import Signature, Signatures

SIGNATURES = Signatures(block=16)
_FREE = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
_COPIES = frozenset({"Transpose", "Concat", "Split", "Slice", "Gather", "ReorderOutput", "Pad", "Expand"})
_NAMES = {
    **{"Gelu": "gelu", "QuickGelu": "silu", "ReduceMean": "mean", "ReduceSum": "sum", "Softmax": "softmax"},
    **{"Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div", "MaxPool": "max_pool", "AveragePool": "avg_pool"},
    **{"HardSwish": "hard_swish", "HardSigmoid": "hard_sigmoid", "Relu": "relu", "Sigmoid": "sigmoid", "Clip": "relu6"},
    **{
        "GlobalAveragePool": "mean",
        "ReduceMax": "amax",
        "ReduceL2": "linalg_vector_norm",
        "Pow": "pow",
        "Sqrt": "sqrt",
    },
    **{"Erf": "erf", "Tanh": "tanh", "Exp": "exp", "Neg": "neg", "Abs": "abs", "Reciprocal": "reciprocal"},
    **{"LayerNormalization": "layer_norm", "BatchNormalization": "batch_norm", "InstanceNormalization": "group_norm"},
}
_RESIZES = {"linear": "bilinear", "cubic": "bicubic"}
_WARMUP = 2
_MIN_RUNS = 8
_MAX_RUNS = 300
_LOW = 4  # the lower quarter of the runs of a node counts: the profiler has whole microseconds, so one run says little


@dataclass(frozen=True, slots=True)
class NodeTime:
    """One kernel that the engine ran, and its time with the profiler on."""

    signature: Signature
    time_ms: float


@dataclass(frozen=True, slots=True)
class InContext:
    """A network timed as a whole, without the profiler, and node by node with it; reshapes are left out.

    Attributes:
        before: the whole, timed before the nodes.
        after: the whole, timed once more after them.
        nodes: in the order they ran.
    """

    before: Timing
    after: Timing
    nodes: tuple[NodeTime, ...]

    @property
    def latency_ms(self) -> float:
        """The smaller of both: other processes only slow down."""
        return min(steady_ms(self.before), steady_ms(self.after))


def steady_ms(timing: Timing) -> float:
    """Return the tenth percentile, which nodes are summarised by too; the median may be another figure by a tenth."""
    return timing.p10_ms if timing.cpu_p10_ms is None else min(timing.p10_ms, timing.cpu_p10_ms)


def measure_nodes(model: bytes, input_shape: InputShape, *, threads: int, seconds: float) -> InContext:
    """Time an ONNX model on one random image, half of the time node by node.

    Raises:
        MeasuringError: if the runtime cannot run it.
    """
    image = random_image(input_shape)
    with tempfile.TemporaryDirectory() as folder:
        plain = _session(model, threads, None)
        profiled = _session(model, threads, Path(folder))
        name = plain.get_inputs()[0].name
        try:
            before = _timed(plain, {name: image}, seconds / 4, threads)
            _run_for(profiled, {name: image}, seconds / 2)
            after = _timed(plain, {name: image}, seconds / 4, threads)
        except Exception as error:  # the runtime's errors share no base class
            raise MeasuringError(f"ONNX Runtime cannot run it: {first_line(error)}") from error
        return InContext(before, after, _node_times(profiled, Path(folder)))


def kernel_times(kernels: Sequence[Kernel], nodes: Sequence[NodeTime]) -> tuple[float | None, ...]:
    """Return the time of each predicted kernel: of the nodes of its signature, in order; None where there is none."""
    left: dict[Signature, list[float]] = defaultdict(list)
    for node in nodes:
        left[node.signature].append(node.time_ms)
    found = (left[SIGNATURES.predicted(kernel)] for kernel in kernels)
    return tuple(times.pop(0) if times else None for times in found)


def timed_network(name: str, kernels: Sequence[Kernel], latency_ms: float, nodes: Sequence[NodeTime]) -> TimedNetwork:
    """Return a network as the fit of terms takes it: its predicted kernels with the times of their nodes."""
    reported_ms = sum(node.time_ms for node in nodes)
    return TimedNetwork(name, tuple(kernels), latency_ms, kernel_times(kernels, nodes), reported_ms, len(nodes))


def node_signatures(model: bytes, input_shape: InputShape) -> Counter[Signature]:
    """Run a model once with the profiler on and count the kernels that ran."""
    with tempfile.TemporaryDirectory() as folder:
        session = _session(model, 1, Path(folder))
        session.run(None, {session.get_inputs()[0].name: random_image(input_shape)})
        return Counter(node.signature for node in _node_times(session, Path(folder)))


def _session(model: bytes, threads: int, folder: Path | None) -> Any:
    import onnxruntime

    options = session_options(threads)
    if folder is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.optimized_model_filepath = str(folder / "optimised.onnx")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise MeasuringError(f"ONNX Runtime cannot load it: {first_line(error)}") from error


def _timed(session: Any, images: dict[str, Any], seconds: float, threads: int) -> Timing:
    return time_call(lambda: session.run(None, images), seconds=seconds, warmup=_WARMUP, min_runs=_MIN_RUNS,
                     max_runs=1000, threads=threads)  # fmt: skip


def _run_for(session: Any, images: dict[str, Any], seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    for run in range(_MAX_RUNS):
        if run >= _MIN_RUNS and time.perf_counter() > deadline:
            return
        session.run(None, images)


def _node_times(session: Any, folder: Path) -> tuple[NodeTime, ...]:
    """Pair the nodes of the optimised graph with their profile, in order of running."""
    import onnx

    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")):
        name, found, _ = event["name"].rpartition("_kernel_time")
        if found:
            runs[name].append(event)
    graph = onnx.load(str(folder / "optimised.onnx"), load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    found_nodes = [
        (events[0]["ts"], NodeTime(_signature(node, events[0]["args"], weights), _low_mean(events)))
        for node, events in _paired(graph, runs)
        if node.op_type not in _FREE
    ]
    return tuple(node for _, node in sorted(found_nodes, key=lambda pair: pair[0]))


def _low_mean(events: list[dict[str, Any]]) -> float:
    """Return the mean of the quickest runs in milliseconds."""
    times: list[float] = sorted(event["dur"] for event in events)
    low = times[: max(1, len(times) // _LOW)]
    return sum(low) / len(low) / 1e3


def _paired(graph: Any, runs: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Pair the nodes of the graph with their runs; a node without a name goes by its operation and a number."""
    unnamed: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
    for name, events in runs.items():
        arguments = events[0]["args"]
        if name == f"{arguments['op_name']}_{arguments['node_index']}":
            unnamed[arguments["op_name"]].append(events)
    for node in graph.node:
        if node.name in runs:
            yield node, runs[node.name]
        elif not node.name and unnamed[node.op_type]:
            yield node, unnamed[node.op_type].pop(0)


def _signature(node: Any, profile: dict[str, Any], weights: set[str]) -> Signature:
    from onnx import helper

    inputs = [tuple(*shape.values()) for shape in profile["input_type_shape"]]
    outputs = [tuple(*shape.values()) for shape in profile["output_type_shape"]]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    activation = attributes.get("activation", b"").decode()
    joined = (_NAMES.get(activation, activation.lower()),) if activation else ()
    kind, result = node.op_type, outputs[0]
    if kind in ("Conv", "FusedConv"):
        groups, weight = attributes.get("group", 1), inputs[1]
        adds = ("add",) if len(node.input) > 3 and node.input[3] else ()
        positions = result[0] * prod(result[2:])
        return SIGNATURES.conv(weight[2], weight[1] * groups, weight[0], groups, positions, (*adds, *joined))
    if kind in ("Gemm", "FusedGemm") or (kind == "MatMul" and node.input[1] in weights):
        return SIGNATURES.linear(inputs[0][-1], result[-1], prod(result) // result[-1], joined)
    if kind in ("MatMul", "FusedMatMul"):
        return SIGNATURES.matmul(prod(result) * inputs[0][-2 if attributes.get("transA") else -1])
    if kind == "ReorderInput":  # its result has padded channels
        return SIGNATURES.copy(prod(inputs[0]))
    if kind in _COPIES:
        return SIGNATURES.copy(sum(map(prod, outputs)))
    if kind == "Resize":
        mode = attributes.get("mode", b"nearest").decode()
        return SIGNATURES.other(f"upsample_{_RESIZES.get(mode, mode)}", result)
    if kind == "SkipLayerNormalization":
        return SIGNATURES.other("layer_norm", result, ("add",))
    return SIGNATURES.other(_NAMES.get(kind, kind), result)
