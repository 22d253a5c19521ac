"""Fits the rates of a profile to measured networks.

Takes a *template* profile, whose rates come from a data sheet, and networks as kernel lists with measured latencies;
gives the template with fitted rates. Few networks stand against many rates, so each rate is a product of three
factors: the template's value, a factor common to all kinds of kernel, and a factor of its own kind. Factors are
fitted as logarithms (so rates stay positive) by least squares on the logarithm of the latency, and pulled towards 1:
the common ones weakly, the kinds' own strongly. Without measurements the template comes back unchanged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from nas.hardware.profile import Correction, HardwareProfile, KernelRate, Limits
from nas.hardware.work import MACS_PER_MS_PER_GMAC, Work, kernel_ms, kernel_work

if TYPE_CHECKING:
    from nas.cost.kernels import Kernel

Array = Any  # a numpy array of floats

PER_KIND = 3  # overhead, rate, bandwidth


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
        half_macs: of the saturation, which all kinds share.
        stream: of the rate at which weights are streamed.
        intercept: of the whole network's fixed cost.
        noise: of the measurements themselves.
    """

    common: tuple[float, float, float] = (1.0, 1.0, 1.0)
    kind: tuple[float, float, float] = (0.4, 0.4, 0.4)
    half_macs: float = 0.0
    stream: float = 0.5
    intercept: float = 1.0
    noise: float = 0.03


class _Problem:
    """The networks as arrays, so that one evaluation is a few numpy calls."""

    def __init__(
        self, template: HardwareProfile, networks: Sequence[MeasuredNetwork], spread: Spread
    ) -> None:
        works = [[kernel_work(kernel, template) for kernel in network.kernels] for network in networks]
        flat: list[Work] = [work for network in works for work in network]
        self.template = template
        self.kinds = sorted({work.kind for work in flat})
        index = {kind: position for position, kind in enumerate(self.kinds)}
        self.kind_of = np.array([index[work.kind] for work in flat], dtype=int)
        self.network_of = np.repeat(np.arange(len(works)), [len(network) for network in works])
        self.macs = np.array([work.macs for work in flat])
        self.moved_bytes = np.array([work.moved_bytes for work in flat])
        self.measured_ms = np.array([network.latency_ms for network in networks])
        weights = np.array([sum(work.weight_bytes for work in network) for network in works])
        room = template.limits.on_chip_bytes
        self.stream_bytes = np.maximum(0.0, weights - room) if room is not None else np.zeros(len(works))
        own = np.tile(spread.kind, len(self.kinds))
        single = (spread.half_macs, spread.stream, spread.intercept)
        self.spreads = np.concatenate([spread.common, single, own])
        self.noise = spread.noise
        self.free = self.spreads > 0

    def predict(self, factors: Array) -> Array:
        """Return the latency of each network under the logarithms `factors` of all factors."""
        rates = self._rates(factors)[:, self.kind_of]
        times_ms = kernel_ms(
            self.macs,
            self.moved_bytes,
            overhead_ms=rates[0],
            gmacs_per_s=rates[1],
            gbytes_per_s=rates[2],
            half_macs=rates[3],
        )
        total_ms = np.bincount(self.network_of, weights=times_ms, minlength=len(self.measured_ms))
        stream_rate = (self.template.limits.stream_gbytes_per_s or 1.0) * np.exp(factors[4])
        intercept_ms = self.template.correction.intercept_ms * np.exp(factors[5])
        return total_ms + self.stream_bytes / (stream_rate * MACS_PER_MS_PER_GMAC) + intercept_ms

    def residuals(self, free_factors: Array) -> Array:
        """Return the misfits in the logarithm and the pull towards the template."""
        factors = np.zeros(len(self.spreads))
        factors[self.free] = free_factors
        misfit = np.log(self.predict(factors) / self.measured_ms) / self.noise
        return np.concatenate([misfit, free_factors / self.spreads[self.free]])

    def solve(self) -> Array:
        """Return the logarithms of all factors."""
        solution = least_squares(self.residuals, np.zeros(int(self.free.sum())), method="trf", max_nfev=200)
        factors = np.zeros(len(self.spreads))
        factors[self.free] = solution.x
        return factors

    def _rates(self, factors: Array) -> Array:
        """Return overhead, rate, bandwidth and saturation (rows) of each kind (columns)."""
        base = [self.template.rate(kind) for kind in self.kinds]
        own = factors[6:].reshape(len(self.kinds), PER_KIND)
        rows = [
            np.array([rate.overhead_ms for rate in base]) * np.exp(factors[0] + own[:, 0]),
            np.array([rate.gmacs_per_s for rate in base]) * np.exp(factors[1] + own[:, 1]),
            np.array([rate.gbytes_per_s for rate in base]) * np.exp(factors[2] + own[:, 2]),
            np.array([rate.half_macs for rate in base]) * np.exp(factors[3]),
        ]
        return np.stack(rows)

    def profile(self, factors: Array) -> HardwareProfile:
        """Return the template with its rates multiplied by the fitted factors."""
        fitted = dict(zip(self.kinds, self._rates(factors).T, strict=True))
        kernels = {kind: _rate(values, "fitted") for kind, values in fitted.items()}
        for kind, rate in self.template.kernels.items():
            kernels.setdefault(kind, _scaled(rate, factors, "datasheet"))
        return dataclasses.replace(
            self.template,
            default=_scaled(self.template.default, factors, "fitted"),
            kernels=kernels,
            limits=_scaled_limits(self.template.limits, factors[4] if self.stream_bytes.any() else 0.0),
            correction=Correction(
                intercept_ms=self.template.correction.intercept_ms * float(np.exp(factors[5]))
            ),
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
    problem = _Problem(template, networks, spread or Spread())
    return problem.profile(problem.solve())


def _rate(values: Array, evidence: Any) -> KernelRate:
    overhead_ms, gmacs_per_s, gbytes_per_s, half_macs = (float(value) for value in values)
    return KernelRate(overhead_ms, gmacs_per_s, gbytes_per_s, evidence, half_macs)


def _scaled(rate: KernelRate, factors: Array, evidence: Any) -> KernelRate:
    base = np.array([rate.overhead_ms, rate.gmacs_per_s, rate.gbytes_per_s, rate.half_macs])
    return _rate(base * np.exp(factors[:4]), evidence)


def _scaled_limits(limits: Limits, factor: float) -> Limits:
    if limits.stream_gbytes_per_s is None:
        return limits
    return dataclasses.replace(limits, stream_gbytes_per_s=limits.stream_gbytes_per_s * float(np.exp(factor)))
