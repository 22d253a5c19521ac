"""Fits the rates of a profile to measured networks.

Takes a *template* profile, whose rates come from a data sheet, and networks as kernel lists with measured
latencies; gives the template with fitted rates. Few networks stand against many rates, so each rate is a product
of three factors: the template's value, a factor common to all kinds of kernel, and a factor of its own kind.
Factors are fitted as logarithms (so rates stay positive) by least squares on the logarithm of the latency, and
pulled towards 1: the common ones weakly, the kinds' own strongly. Without measurements the template comes back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from nas.hardware.profile import Correction, HardwareProfile, KernelRate, Limits
from nas.hardware.work import kernel_ms, kernel_work, stream_ms

if TYPE_CHECKING:
    from nas.cost.kernels import Kernel

Array = Any  # a numpy array of floats

RATES = ("overhead_ms", "gmacs_per_s", "gbytes_per_s", "half_macs", "half_out_chs")
PER_KIND = 3  # of these, the ones that each kind fits for itself
SINGLE = len(RATES) + 5  # factors of the whole profile: RATES, stream, on_chip, scratch, weight, intercept


@dataclass(frozen=True, slots=True)
class MeasuredNetwork:
    """A network's kernels and the latency that was measured on the device."""

    name: str
    kernels: tuple[Kernel, ...]
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a factor may stray from 1, as a standard deviation of its logarithm; zero freezes it.

    Attributes:
        common: of the factors common to all kinds (overhead, rate, bandwidth).
        kind: of a kind's own factors (overhead, rate, bandwidth).
        half: of the two saturations, which all kinds share.
        stream: of the rate at which weights are streamed.
        on_chip: of the room for weights on the chip.
        scratch: of the share of activations that takes up this room.
        weight: of the rate at which weights are read, where they have one of their own.
        intercept: of the whole network's fixed cost.
        noise: of the latencies: measurement noise and what the formula cannot express.
    """

    common: tuple[float, float, float] = (1.0, 1.0, 1.0)
    kind: tuple[float, float, float] = (0.4, 0.4, 0.4)
    half: float = 1.0
    stream: float = 0.5
    on_chip: float = 0.0
    scratch: float = 0.5
    weight: float = 0.0
    intercept: float = 1.0
    noise: float = 0.03


class _Problem:
    """The networks as arrays, so that one evaluation is a few numpy calls."""

    def __init__(self, template: HardwareProfile, networks: Sequence[MeasuredNetwork], spread: Spread) -> None:
        works = [[kernel_work(kernel, template) for kernel in network.kernels] for network in networks]
        flat = [work for network in works for work in network]
        self.template = template
        self.kinds = sorted({work.kind for work in flat})
        index = {kind: position for position, kind in enumerate(self.kinds)}
        self.kind_of = np.array([index[work.kind] for work in flat], dtype=int)
        self.network_of = np.repeat(np.arange(len(works)), [len(network) for network in works])
        self.macs = np.array([work.macs for work in flat])
        self.macs_per_out_ch = np.array([work.macs_per_out_ch for work in flat])
        self.activations = np.array([work.activation_bytes for work in flat])
        self.weights = np.array([work.weight_bytes for work in flat])
        self.measured_ms = np.array([network.latency_ms for network in networks])
        self.weight_bytes = self._per_network(self.weights)
        self.activation_bytes = self._per_network(self.activations)
        of_chip = (spread.stream, spread.on_chip, spread.scratch, spread.weight)
        single = (spread.half, spread.half, *of_chip, spread.intercept)
        self.spreads = np.concatenate([spread.common, single, np.tile(spread.kind, len(self.kinds))])
        self.noise = spread.noise
        self.free = self.spreads > 0

    def _per_network(self, values: Any) -> Array:
        return np.bincount(self.network_of, weights=values, minlength=len(self.measured_ms))

    def predict(self, factors: Array) -> Array:
        """Return the latency of each network under the logarithms `factors` of all factors."""
        rates = dict(zip(RATES, self._rates(factors)[:, self.kind_of], strict=True))
        limits = _scaled_limits(self.template.limits, factors)
        rates["weight_gbytes_per_s"] = limits.weight_gbytes_per_s or rates["gbytes_per_s"]
        times_ms = kernel_ms(self.macs, self.macs_per_out_ch, self.activations, self.weights, **rates)
        streaming_ms = stream_ms(self.weight_bytes, self.activation_bytes, limits)
        correction = _scaled_correction(self.template.correction, factors)
        return correction.scale * self._per_network(times_ms) + streaming_ms + correction.intercept_ms

    def residuals(self, free_factors: Array) -> Array:
        """Return the misfits in the logarithm and the pull towards the template."""
        misfit = np.log(self.predict(self._all(free_factors)) / self.measured_ms) / self.noise
        return np.concatenate([misfit, free_factors / self.spreads[self.free]])

    def solve(self) -> Array:
        """Return the logarithms of all factors."""
        start = np.zeros(int(self.free.sum()))
        return self._all(least_squares(self.residuals, start, method="trf", max_nfev=60).x)

    def _all(self, free_factors: Array) -> Array:
        factors = np.zeros(len(self.spreads))
        factors[self.free] = free_factors
        return factors

    def _rates(self, factors: Array) -> Array:
        """Return the rates (rows, as in RATES) of each kind (columns)."""
        base = [self.template.rate(kind) for kind in self.kinds]
        logs = np.repeat(factors[: len(RATES), None], len(base), axis=1)
        logs[:PER_KIND] += factors[SINGLE:].reshape(len(base), PER_KIND).T
        return np.array([[getattr(rate, name) for rate in base] for name in RATES]) * np.exp(logs)

    def profile(self, factors: Array) -> HardwareProfile:
        """Return the template with its rates multiplied by the fitted factors."""
        kernels = {
            kind: _rate(values, "fitted") for kind, values in zip(self.kinds, self._rates(factors).T, strict=True)
        }
        for kind, rate in self.template.kernels.items():
            kernels.setdefault(kind, _scaled_rate(rate, factors, "datasheet"))
        return dataclasses.replace(
            self.template,
            default=_scaled_rate(self.template.default, factors, "fitted"),
            kernels=kernels,
            limits=_scaled_limits(self.template.limits, factors),
            correction=_scaled_correction(self.template.correction, factors),
        )


def fit_profile(
    template: HardwareProfile, networks: Sequence[MeasuredNetwork], spread: Spread | None = None
) -> HardwareProfile:
    """Fit the rates of `template` to `networks`; evidence is left for the caller to state.

    Args:
        template: the profile to start from and to be pulled back to.
        networks: what was measured.
        spread: how far each kind of factor may stray.
    """
    if not networks:
        return template
    whole = dataclasses.replace(template.correction, per_kernel_ms={}, work_scale={})  # rates are fitted without them
    problem = _Problem(dataclasses.replace(template, correction=whole), networks, spread or Spread())
    return problem.profile(problem.solve())


def _rate(values: Array, evidence: Any) -> KernelRate:
    return KernelRate(evidence=evidence, **{name: float(v) for name, v in zip(RATES, values, strict=True)})


def _scaled_rate(rate: KernelRate, factors: Array, evidence: Any) -> KernelRate:
    base = np.array([getattr(rate, name) for name in RATES])
    return _rate(base * np.exp(factors[: len(RATES)]), evidence)


def _scaled_limits(limits: Limits, factors: Array) -> Limits:
    stream, on_chip, scratch, weight = (float(factor) for factor in np.exp(factors[len(RATES) : SINGLE - 1]))
    if limits.weight_gbytes_per_s is not None:
        limits = dataclasses.replace(limits, weight_gbytes_per_s=limits.weight_gbytes_per_s * weight)
    if limits.stream_gbytes_per_s is None or limits.on_chip_bytes is None:
        return limits
    return dataclasses.replace(
        limits,
        stream_gbytes_per_s=limits.stream_gbytes_per_s * stream,
        on_chip_bytes=limits.on_chip_bytes * on_chip,
        scratch_share=limits.scratch_share * scratch,
    )


def _scaled_correction(correction: Correction, factors: Array) -> Correction:
    scale = float(np.exp(factors[SINGLE - 1]))
    return dataclasses.replace(correction, intercept_ms=correction.intercept_ms * scale)
