"""How much of the error of `host-cpu` is measuring: its held-out networks again, in many rounds, in other orders.

    python -m tools.host_noise --cache FILE --rounds 6

All networks are open at once and are timed in turn, each round in another order, so that a slow minute hits all alike
and no network has all its rounds in it. What was predicted for them, by a fit without their families, and what was
measured then, is read from the chart of the last fit. Printed are the shares within 10 % of what was predicted, of
what another round said, and of what was measured then.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas import runs, torch_compat
from nas.hardware.measure.convert import random_image, to_onnx
from nas.hardware.measure.cpu import cpu_name
from nas.hardware.measure.onnxruntime import session_options
from nas.hardware.measure.timing import time_call
from tools.check_kernels import randomise_norms
from tools.host_networks import HostNetwork, host_networks

CHART = Path(__file__).resolve().parent.parent / "docs" / "latency" / "host-cpu.svg"
SECONDS = 0.6
_TITLE = re.compile(r"<title>(?P<name>[^<]*): measured (?P<then>\S+) ms, predicted (?P<predicted>[^,<]+)")

Array = Any  # a numpy array of floats


def main() -> None:
    """Measure what the cache lacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("runs") / "host-noise.jsonl", help="what was measured")
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    torch_compat.prepare()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    measure(options.cache, options.rounds)
    for line in report(read(options.cache), charted(CHART.read_text(encoding="utf-8"))):
        print(line)


def measure(cache: Path, rounds: int) -> None:
    """Time every held-out network once a round, as far as the cache does not hold it."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    known = {(record["name"], record["round"]) for record in _records(cache)}
    networks = [network for network in host_networks() if network.judges]
    wanted = [n for n in networks if any((n.sample.name, place) not in known for place in range(rounds))]
    calls = {network.sample.name: _opened(network) for network in wanted}
    for place in range(rounds):
        names = [name for name in calls if (name, place) not in known]
        random.Random(place).shuffle(names)
        for name in names:
            timing = time_call(calls[name], seconds=SECONDS, min_runs=15)
            record = {"name": name, "round": place, "cpu": cpu_name(), "latency_ms": timing.cpu_p10_ms}
            runs.append_record(cache, record)
        print(f"round {place + 1} of {rounds}", file=sys.stderr, flush=True)


def read(cache: Path) -> dict[str, list[float]]:
    """Return the latencies of each network on this CPU, by round."""
    found: dict[str, list[float]] = {}
    for record in sorted(_records(cache), key=lambda record: record["round"]):
        if record["cpu"] == cpu_name():
            found.setdefault(record["name"], []).append(record["latency_ms"])
    return found


def charted(svg: str) -> dict[str, tuple[float, float]]:
    """Return what was measured at the time of the fit and what was predicted without the network's family."""
    return {found["name"]: (float(found["then"]), float(found["predicted"])) for found in _TITLE.finditer(svg)}


def report(rounds_ms: dict[str, list[float]], chart: dict[str, tuple[float, float]]) -> Iterator[str]:
    """Yield the lines of the table; a common factor between then and now is taken out, for machines change speed."""
    names = [name for name in rounds_ms if name in chart]
    least = min(len(rounds_ms[name]) for name in names)
    logs = np.log([rounds_ms[name][:least] for name in names])
    then, predicted = np.log([chart[name] for name in names]).T
    shift = float(np.median(np.median(logs, axis=1) - then))
    logs = logs - shift
    now = np.median(logs, axis=1)
    yield f"{len(names)} networks, {least} rounds; now {np.exp(shift):.2f} times what was measured then"
    yield "| distance | within 10 % | median | root mean square of the logarithm |\n|---|---|---|---|"
    pairs = [(i, j) for i in range(least) for j in range(i)]
    apart = np.concatenate([logs[:, i] - logs[:, j] for i, j in pairs])
    yield _line("one round now from another", apart)
    yield _line("the median of the rounds now from what was measured then", now - then)
    yield _line("predicted from what was measured then", predicted - then)
    yield _line("predicted from one round now", (predicted[:, None] - logs).ravel())
    yield _line("predicted from the median of the rounds now", predicted - now)
    yield _line("predicted from the mean of then and now", predicted - (then + now) / 2)
    beyond = np.abs(predicted - (then + now) / 2) > np.abs(now - then) / 2 + 0.1
    outside = ", ".join(name for name, out in zip(names, beyond, strict=True) if out) or "none"
    yield f"more than 10 % outside of what was measured then and now: {np.mean(beyond):.0%} ({outside})"


def _line(label: str, logs: Array) -> str:
    apart = np.abs(np.expm1(logs))
    return (
        f"| {label} | {np.mean(apart <= 0.1):.0%} | {np.median(apart):.1%} | {np.sqrt(np.mean(np.square(logs))):.3f} |"
    )


def _opened(network: HostNetwork) -> Callable[[], Sequence[Any]]:
    """Return a call that runs the network once."""
    import onnxruntime

    module = network.sample.module()
    randomise_norms(module)
    model = to_onnx(module, network.sample.input_shape)
    session = onnxruntime.InferenceSession(model, session_options(1), providers=["CPUExecutionProvider"])
    image = {session.get_inputs()[0].name: random_image(network.sample.input_shape)}
    print(f"opened {network.sample.name}", file=sys.stderr, flush=True)
    return lambda: session.run(None, image)


def _records(cache: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines()] if cache.exists() else []


if __name__ == "__main__":
    main()
