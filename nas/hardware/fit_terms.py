"""Fits the terms of kernels to networks of which an engine told the time of every kernel.

One least-squares problem in numbers that are not negative: a row for each kernel, another for each whole network. The
profiler lengthens what it reports of a kernel; by how much is one more number for each kind, which whole networks,
timed without it, lack. Each number is pulled towards that of all kinds together, in units of which it is uncertain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

from nas.cost.kernels import Kernel
from nas.cost.rules import BlockedLayout, FusionRules
from nas.hardware.profile import Correction, HardwareProfile, KernelRate
from nas.hardware.terms import COLD, GENERIC, LAUNCH, KernelTerms, cold_share, quantities, term_kind

Array = Any  # a numpy array of floats

NOISE = 0.15  # of a kernel's time, relative: measurement and what the terms cannot express
LEAST_MS = 1e-3  # and absolute
NETWORK_NOISE = 0.02
SPREAD = 1.0  # how far a number strays from that of all kinds, relative
FLOOR = 0.05  # of what would explain a kernel by this term alone: least unit to stray in
PROBE_MS, PROBE_SPREAD_MS = 1.5e-3, 1e-3
INTERCEPT_MS, INTERCEPT_SPREAD_MS = 5e-3, 5e-3
# Weights that stay in a core's caches, and what a kernel has near: least error on networks left out (docs/log.md).
CACHE_BYTES, NEAR_BYTES = 6 << 20, 1 << 20
_POOLED_NOISE = 0.1
_DISTURBED = (0.85, 1.2)  # of a network's latency over its kernels' sum; outside, other processes spoilt the kernels


@dataclass(frozen=True, slots=True)
class TimedNetwork:
    """A network's kernels, the latency of the whole, and the times of those kernels that the engine told of."""

    name: str
    kernels: tuple[Kernel, ...]
    latency_ms: float
    kernel_ms: tuple[float | None, ...]
    reported_ms: float
    """All kernels that the engine told of, those not predicted included."""
    reported: int


@dataclass(frozen=True, slots=True)
class FittedTerms:
    """Terms with the fixed cost of a network."""

    terms: KernelTerms
    intercept_ms: float


def empty_terms(rules: FusionRules) -> KernelTerms:
    """Return terms without numbers for an engine with these rules."""
    blocked = rules.blocked or BlockedLayout(1)
    return KernelTerms({}, blocked.block, blocked.align, CACHE_BYTES, NEAR_BYTES)


def with_terms(profile: HardwareProfile, fitted: FittedTerms) -> HardwareProfile:
    """Return `profile` with terms in the place of its rates; the default rate says the same of all kinds together."""
    generic = fitted.terms.kinds[GENERIC]
    mac, byte = generic.get("mac", 0.0), max(generic.get("read_byte", 0.0), generic.get("written_byte", 0.0))
    rate = KernelRate(
        overhead_ms=generic.get(LAUNCH, 0.0) / 1e3,
        gmacs_per_s=1e3 / mac if mac else profile.default.gmacs_per_s,
        gbytes_per_s=1e3 / byte if byte else profile.default.gbytes_per_s,
        evidence="fitted",
    )
    correction = Correction(intercept_ms=fitted.intercept_ms)
    return dataclasses.replace(profile, default=rate, kernels={}, terms=fitted.terms, correction=correction)


class TermsProblem:
    """Networks as arrays: rows are kernels, columns are terms of kinds. Built once, fitted to parts of them often."""

    def __init__(self, networks: Sequence[TimedNetwork], bytes_per_element: int, empty: KernelTerms) -> None:
        """Count what the kernels of `networks` do; `empty` says how the engine works, and has no numbers yet."""
        self.networks = tuple(networks)
        self.empty = empty
        found = [[quantities(kernel, bytes_per_element, empty) for kernel in n.kernels] for n in networks]
        kinds = [[term_kind(kernel, empty) for kernel in n.kernels] for n in networks]
        self.columns = sorted({(k, t) for ks, qs in zip(kinds, found, strict=True)
                               for k, q in zip(ks, qs, strict=True) for t in q})  # fmt: skip
        self.kinds = sorted({kind for kind, _ in self.columns})
        self.terms = sorted({term for _, term in self.columns})
        self._column = {column: i for i, column in enumerate(self.columns)}
        self._rows = [
            self._network_rows(k, q, bytes_per_element, n) for k, q, n in zip(kinds, found, networks, strict=True)
        ]
        self._kind_of = [np.array([self.kinds.index(k) for k in ks]) for ks in kinds]
        self._times = [_undisturbed(network) for network in networks]
        self._pool = np.array([[term == t for t in self.terms] for _, term in self.columns], dtype=float)

    def fit(self, chosen: Sequence[int] | None = None) -> FittedTerms:
        """Fit to the networks with these indices, or to all."""
        inside = list(range(len(self.networks)) if chosen is None else chosen)
        pooled = self._pooled(inside)
        numbers = self._numbers(inside, self._pool @ pooled)
        kinds: dict[str, dict[str, float]] = {GENERIC: {}}
        for (kind, term), number in zip(self.columns, numbers, strict=False):
            if number > 0:
                kinds.setdefault(kind, {})[term] = _readable(term, number)
        kinds[GENERIC] = {t: _readable(t, number) for t, number in zip(self.terms, pooled, strict=True) if number > 0}
        return FittedTerms(dataclasses.replace(self.empty, kinds=kinds), float(numbers[-1]))

    def _network_rows(
        self, kinds: list[str], found: list[dict[str, float]], bytes_per_element: int, network: TimedNetwork
    ) -> Array:
        weights = sum(kernel.weight_elements for kernel in network.kernels) * bytes_per_element
        cold = cold_share(weights, self.empty.cache_bytes)
        rows = np.zeros((len(found), len(self.columns)))
        for row, (kind, amounts) in enumerate(zip(kinds, found, strict=True)):
            for term, amount in amounts.items():
                rows[row, self._column[kind, term]] = amount * (cold if term == COLD else 1.0)
        return rows

    def _pooled(self, inside: Sequence[int]) -> Array:
        """Return one number for each term, the same for all kinds, in milliseconds."""
        rows, targets = [], []
        for i in inside:
            known = ~np.isnan(self._times[i])
            times = self._times[i][known] - PROBE_MS
            noise = np.hypot(NOISE * self._times[i][known], LEAST_MS) / 0.3  # one number for all kinds misfits more
            rows += [self._rows[i][known] @ self._pool / noise[:, None]]
            targets += [times / noise]
            latency_ms = self.networks[i].latency_ms * _POOLED_NOISE
            rows += [(self._rows[i].sum(0) @ self._pool / latency_ms)[None]]
            targets += [np.array([1 / _POOLED_NOISE])]
        return _nonnegative(np.vstack(rows), np.concatenate(targets))

    def _numbers(self, inside: Sequence[int], prior: Array) -> Array:
        """Return the number of each column, then the probe of each kind, then the fixed cost; in milliseconds."""
        rows, targets = [], []
        for i in inside:
            known = ~np.isnan(self._times[i])
            noise = np.hypot(NOISE * self._times[i][known], LEAST_MS)[:, None]
            probes = np.eye(len(self.kinds))[self._kind_of[i][known]]
            rows += [np.hstack([self._rows[i][known], probes, np.zeros((known.sum(), 1))]) / noise]
            targets += [self._times[i][known] / noise[:, 0]]
            whole = np.concatenate([self._rows[i].sum(0), np.zeros(len(self.kinds)), [1.0]])
            rows += [whole[None] / (NETWORK_NOISE * self.networks[i].latency_ms)]
            targets += [np.array([1 / NETWORK_NOISE])]
        alone = self._alone(inside)
        probes = np.ones(len(self.kinds))
        mean = np.concatenate([np.minimum(prior, np.where(alone > 0, alone, prior)), PROBE_MS * probes, [INTERCEPT_MS]])
        spread = SPREAD * np.maximum(prior, FLOOR * alone) + 1e-15
        spread = np.concatenate([spread, PROBE_SPREAD_MS * probes, [INTERCEPT_SPREAD_MS]])
        matrix, target = np.vstack(rows) * spread, np.concatenate(targets)
        root = np.linalg.cholesky(matrix.T @ matrix + np.eye(len(spread))).T
        found, _ = nnls(root, np.linalg.solve(root.T, matrix.T @ target + mean / spread), maxiter=30 * len(spread))
        return np.concatenate([(found * spread)[: len(self.columns)], (found * spread)[-1:]])

    def _alone(self, inside: Sequence[int]) -> Array:
        """Return for each column the number that would explain the median kernel that has it."""
        rows, times = np.vstack([self._rows[i] for i in inside]), np.concatenate([self._times[i] for i in inside])
        found = np.zeros(len(self.columns))
        for column in range(len(found)):
            used = ~np.isnan(times) & (rows[:, column] > 0)
            if used.any():
                found[column] = np.median(times[used] / rows[used, column])
        return found


def _undisturbed(network: TimedNetwork) -> Array:
    """Return the kernels' times, in proportion to the whole where kernels are long; nothing where both disagree."""
    times = np.array([np.nan if ms is None else ms for ms in network.kernel_ms])
    rest_ms = network.reported_ms - network.reported * PROBE_MS
    if network.latency_ms / max(network.reported, 1) < 10 * PROBE_MS:
        return times
    factor = network.latency_ms / rest_ms if rest_ms > 0 else 0.0
    return times * factor if _DISTURBED[0] < factor < _DISTURBED[1] else np.full(len(times), np.nan)


def _nonnegative(rows: Array, targets: Array) -> Array:
    scale = np.sqrt((rows**2).sum(0))
    scale[scale == 0] = 1.0
    rows = rows / scale
    root = np.linalg.cholesky(rows.T @ rows + 1e-6 * np.eye(len(scale))).T
    found, _ = nnls(root, np.linalg.solve(root.T, rows.T @ targets))
    return found / scale


def _readable(term: str, number_ms: float) -> float:
    return float(f"{number_ms * (1e3 if term == LAUNCH else 1e9):.4g}")
