"""The Edge TPU: whether its compiler would take every operator of an 8-bit file, by its documentation.

The compiler cuts a graph once: everything behind the first operator that it does not map runs on the CPU. Where
``edgetpu_compiler`` is on the PATH it is asked, and the compiled file is kept beside the other.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nas.export.devices.edgetpu_operators import reasons
from nas.export.flatbuffer import Graph, read_graph
from nas.export.legality import Legality, grouped

COMPILER = "edgetpu_compiler"
TARGET = "coral-edgetpu"
_MAX_SECONDS = 300
_ON_CPU = re.compile(r"operations that will run on CPU:\s*(\d+)")
_STREAMED = re.compile(r"(Off-chip memory used for streaming uncached model parameters: (?!0\.00B).*)")


@dataclass(frozen=True, slots=True)
class EdgeTpu:
    """Coral's Edge TPU."""

    formats: tuple[str, ...] = ("tflite-int8",)

    def check(self, path: Path) -> Legality:
        """Say what the Edge TPU's compiler makes of the file at `path`, or would make of it."""
        graph = read_graph(path)
        refused = [(o, why) for o in graph.operators for why in reasons(o)]
        first = min((o.index for o, _ in refused), default=len(graph.operators))
        behind = graph.operators[first:]
        compiled = _compile(path)
        return Legality(
            device="Edge TPU",
            operators=len(graph.operators),
            fallback=grouped((o.index, o.name, why) for o, why in refused),
            fallback_operators=len(behind),
            fallback_macs_share=sum(o.macs for o in behind) / graph.macs if graph.macs else 0.0,
            problems=(*_problems(graph), *compiled.problems),
            notes=(_weights(graph), *compiled.notes),
            not_run=(*compiled.not_run, "on an Edge TPU"),
            evidence="by Coral's documentation",
        )


DEVICE = EdgeTpu()


@dataclass(frozen=True, slots=True)
class _Compiled:
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()


def _problems(graph: Graph) -> tuple[str, ...]:
    """Say what keeps the whole file from the device."""
    said = []
    for what, ends in (("input", graph.inputs), ("output", graph.outputs)):
        said += [f"{what} {t.name} is {t.kind}, not INT8" for t in ends if t.kind != "INT8"]
    outside = [t for t in graph.constants if not t.inside]
    if outside:
        said.append(f"{len(outside)} constants lie outside the flatbuffer, where the compiler does not look")
    return tuple(said)


def _weights(graph: Graph) -> str:
    from nas.hardware.profile import load_profile

    chip = load_profile(TARGET).limits.on_chip_bytes
    found = sum(len(t.data) for t in graph.constants)
    if chip is None:
        return f"constants of {found:,} bytes"
    room = "room for all" if found <= chip else "the rest is fetched anew for every image"
    return f"constants of {found:,} bytes, {chip:,.0f} on the chip: {room}"


def _compile(path: Path) -> _Compiled:
    """Compile the file where the compiler is installed; the result lies beside it, as ``..._edgetpu.tflite``."""
    compiler = shutil.which(COMPILER)
    if compiler is None:
        return _Compiled(not_run=(f"by the compiler: no {COMPILER} on the PATH",))
    with tempfile.TemporaryDirectory() as scratch:
        command = [compiler, "-s", "-o", scratch, str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_MAX_SECONDS)
        except subprocess.TimeoutExpired:
            return _Compiled(problems=(f"{COMPILER} did not end within {_MAX_SECONDS} s",))
        made = Path(scratch) / f"{path.stem}_edgetpu.tflite"
        if done.returncode != 0 or not made.is_file():
            lines = (done.stdout + done.stderr).strip().splitlines() or ["no message"]
            return _Compiled(problems=(f"{COMPILER} refuses it: {lines[-1].strip()}",))
        shutil.move(made, path.with_name(made.name))
        return _of_log(done.stdout, made.name)


def _of_log(log: str, name: str) -> _Compiled:
    on_cpu = _ON_CPU.search(log)
    left = int(on_cpu.group(1)) if on_cpu else 0
    streamed = _STREAMED.search(log)
    notes = (f"compiled by {COMPILER} to {name}", *((streamed.group(1),) if streamed else ()))
    return _Compiled(notes=notes, problems=(f"{COMPILER} leaves {left} operators to the CPU",) if left else ())
