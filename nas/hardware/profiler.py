"""Measures a device until the time is spent: kernels and blocks where predictions are worst, networks in between.

Every latency is on disk before the next one is taken, so the same call continues after an interruption, and the time
already spent counts.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nas.cost.kernels import fuse
from nas.cost.rules import FusionRules
from nas.errors import NasError
from nas.hardware.fit import MeasuredNetwork
from nas.hardware.fit_terms import TimedNetwork
from nas.hardware.measure.engine import Engine, MeasuringError, TellsKernels
from nas.hardware.measure.onnxruntime_nodes import timed_network
from nas.hardware.measured_profile import Evidences, noise_floor, part_errors, rule_choices, start_profile
from nas.hardware.measurements import Measured, MeasurementFile
from nas.hardware.samples import ArchitectureSample, ConvSample, Sample, TimmSample, Traced, part_pool
from nas.hardware.sampling import Point, feature, next_points
from nas.space.space import SearchSpace

ROUND = 16  # kernels and blocks between two fits
NETWORK_SHARE = 0.4  # of the time
PART_SECONDS = 0.15  # of timing one kernel or block
NETWORK_SECONDS = 0.5
REFERENCE = ConvSample(in_chs=32, out_chs=64, kernel_size=3, stride=1, groups=1, size=48)  # about 1 ms of a CPU
REFERENCE_EVERY = 12  # samples
MOST_FAILURES = 8  # in a row, before anything was measured: then it is the engine that does not work
_ARCHITECTURES = 120  # that the pool is drawn from, all spaces together
_MOST_NETWORKS = 60
_MEASURED_FIRST = 5  # networks before kernels: without them there is no profile

TIMM_NETWORKS = (
    *(("mobilenetv3_small_050", 96), ("resnet18", 96), ("regnety_002", 128), ("ghostnet_100", 96)),
    *(("mobilevit_xxs", 128), ("efficientnet_lite0", 160), ("deit_tiny_patch16_224", 96), ("lcnet_050", 128)),
    *(("mobilenetv4_conv_small", 160), ("edgenext_xx_small", 128), ("repvit_m0_9", 128), ("mnasnet_small", 160)),
)
"""Networks of other families, small ones first to differ most."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: `seconds` of measuring over all calls on the same file, or after `samples` (for tests)."""

    seconds: float
    samples: int | None = None


class Profiler:
    """Measures what `spaces` are made of on one device."""

    def __init__(
        self, engine: Engine, file: MeasurementFile, spaces: Sequence[SearchSpace], *, seed: int, name: str
    ) -> None:
        self._engine = engine
        self._file = file
        self._name = name
        rng = random.Random(seed)
        self.rule_choices = rule_choices(engine.name)
        pool = [Traced(sample) for sample in part_pool(spaces, rng, max(2, _ARCHITECTURES // len(spaces)))]
        self._pool = {traced.key: traced for traced in pool}
        self._points = [_point(traced) for traced in pool]
        self._networks = _networks(spaces, random.Random(seed + 1))
        self._measured: dict[str, Traced] = {}
        self._planned: list[Traced] = []
        self._since_reference = REFERENCE_EVERY

    def run(self, budget: Budget, progress: Progress) -> None:
        """Measure until the budget is spent or nothing is left to measure.

        Raises:
            NasError: if nothing at all can be measured.
        """
        done, earlier, started = len(self._file.measured), self._file.seconds, time.perf_counter()
        most = budget.samples or sys.maxsize
        while (spent := earlier + time.perf_counter() - started) < budget.seconds and done < most:
            sample = self._next()
            if sample is None:
                return
            self._measure_reference()
            measured = self._measure(sample)
            self._refuse_if_nothing_works()
            done += 1
            shown = measured.error or f"{measured.latency_ms:.3g} ms"
            progress(spent, f"{sample.name}: {shown}")

    def evidences(self, rules: FusionRules) -> Evidences:
        """Return everything measured so far, as the kernels that `rules` make of it."""
        networks = [(m, self._as_network(m, rules)) for m in self._file.good(whole=True)]
        failed = sum(1 for m in self._file.measured if m.error)
        busy = self._file.busy
        notes = [f"{failed} samples could not be measured."] if failed else []
        notes += [f"In {busy} measurements other processes had the core: their tenth percentile counts."] * bool(busy)
        return Evidences(
            setup=self._file.setup,
            rules=rules,
            parts=tuple(self._as_network(m, rules) for m in self._file.good(whole=False)),
            networks=tuple(network for _, network in networks),
            foreign=tuple(network for m, network in networks if m.sample.family == "timm"),
            timed=tuple(_timed(m, network) for m, network in networks if m.kernels),
            noise=noise_floor(self._file.reference_ms),
            note=" ".join(notes),
        )

    def _next(self) -> Sample | None:
        """Return a network while they have had less than their share of the time, else a kernel or block."""
        networks = [m for m in self._file.measured if m.sample.whole]
        spent = sum(m.seconds for m in networks)
        due = len(networks) < _MEASURED_FIRST or spent < NETWORK_SHARE * self._file.seconds
        if due and len(networks) < _MOST_NETWORKS:
            tried = self._file.keys
            for traced in self._networks:
                if traced.key not in tried:
                    return traced.sample
        if not self._planned:
            self._planned = self._plan()
        return self._planned.pop(0).sample if self._planned else None

    def _plan(self) -> list[Traced]:
        """Choose the next kernels and blocks by the errors of those measured."""
        measured = [m for m in self._file.measured if m.key in self._pool]
        known = {m.key: 0.0 for m in measured if m.error}  # not to be tried again
        good = list(self._file.good(whole=False))
        if good:
            found = self.evidences(self.rule_choices[0])
            start = start_profile(self._file.setup, [*found.parts, *found.networks], self._name, found.rules)
            known |= {m.key: error for m, error in zip(good, part_errors(start, found), strict=True)}
        return [self._pool[point.key] for point in next_points(self._points, known, ROUND)]

    def _measure(self, sample: Sample) -> Measured:
        started = time.perf_counter()
        seconds = NETWORK_SECONDS if sample.whole else PART_SECONDS
        try:
            if sample.whole and isinstance(self._engine, TellsKernels):
                found = self._engine.measure_kernels(sample.module(), sample.input_shape, seconds=2 * seconds)
                if found is not None:
                    quickest = min(found.before, found.after, key=lambda timing: timing.latency_ms)
                    return self._file.add(sample, quickest, time.perf_counter() - started, found.nodes)
            timing = self._engine.measure(sample.module(), sample.input_shape, seconds=seconds)
            if timing.busy:  # once more: the other process may have gone
                again = self._engine.measure(sample.module(), sample.input_shape, seconds=seconds)
                timing = min(timing, again, key=lambda t: t.latency_ms)
        except MeasuringError as error:
            return self._file.add_failure(sample, str(error), time.perf_counter() - started)
        return self._file.add(sample, timing, time.perf_counter() - started)

    def _measure_reference(self) -> None:
        self._since_reference += 1
        if self._since_reference < REFERENCE_EVERY:
            return
        self._since_reference = 0
        started = time.perf_counter()
        try:
            timing = self._engine.measure(REFERENCE.module(), REFERENCE.input_shape, seconds=PART_SECONDS)
        except MeasuringError as error:
            raise NasError(f"{self._engine.name} cannot run the reference convolution: {error}") from None
        self._file.add_reference(timing, time.perf_counter() - started)

    def _refuse_if_nothing_works(self) -> None:
        tried = self._file.measured
        if len(tried) >= MOST_FAILURES and all(m.error for m in tried):
            raise NasError(f"{self._engine.name}: nothing could be measured; the last reason: {tried[-1].error}")

    def _as_network(self, measured: Measured, rules: FusionRules) -> MeasuredNetwork:
        traced = self._pool.get(measured.key) or self._measured.setdefault(measured.key, Traced(measured.sample))
        return MeasuredNetwork(measured.sample.name, fuse(traced.trace, rules), measured.latency_ms)


def _timed(measured: Measured, network: MeasuredNetwork) -> TimedNetwork:
    return timed_network(network.name, network.kernels, network.latency_ms, measured.kernels)


def _networks(spaces: Sequence[SearchSpace], rng: random.Random) -> list[Traced]:
    """Return whole networks, taking turns between the spaces and timm: extremes first."""
    own = itertools.chain.from_iterable(zip(*(_drawn(space, rng) for space in spaces), strict=True))
    foreign: Iterator[Sample] = (TimmSample(model, side) for model, side in TIMM_NETWORKS)
    mixed: list[Sample] = []
    for sample in own:
        mixed += [sample, *itertools.islice(foreign, 1)]
    return [Traced(sample) for sample in mixed]


def _drawn(space: SearchSpace, rng: random.Random) -> list[Sample]:
    architectures = [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(_MOST_NETWORKS))]
    return [ArchitectureSample(architecture, space.name) for architecture in architectures]


def _point(traced: Traced) -> Point:
    trace = traced.trace
    activations = sum(sum(_size(s) for s in op.input_shapes) + _size(op.output_shape) for op in trace.ops)
    place = feature(trace.macs, activations, trace.params)
    return Point(traced.key, traced.sample.family, place)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
