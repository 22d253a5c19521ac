"""Fits a profile's correction to few measured networks: ridge regression with the profile as prior mean.

A network's latency is taken to be a fixed cost plus, for each variant of kernel (`nas.hardware.work.variant`), a launch
cost per kernel and a factor on the time at work. That is linear, in few readable numbers, and a Gaussian prior whose
mean is the profile (times one common factor) says how far they may stray. All is relative to the measured latency.

How far launches and work may stray is told by the error on left-out networks, which ridge regression gives without
refitting (`error / (1 - leverage)`): corrections are averaged, those with small errors counting most. A network whose
left-out error sticks out counts less (Huber 1964): one latency in a hundred is wrong by more than 10 %, and a few
networks have no others to outvote it. No number may become negative, so the corrected profile stays monotone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import nnls

from nas.hardware.fit import MeasuredNetwork
from nas.hardware.profile import Correction, HardwareProfile
from nas.hardware.work import cold_ms, kernel_work, launch_and_work_ms, memory_ms, variant

Array = Any  # a numpy array of floats

NOISE = 0.03  # of a latency, relative: measurement and what the form cannot express
COMMON = 0.1  # how far all launches, or all work, stray together from the common factor
FIXED = 0.1  # how far the fixed cost strays, in units of the median latency
# Of the launch of a variant, in units of a network's mean time per kernel; of the work of a variant, in units of the
# factor that would explain the latency by work alone. From "the profile is right up to one factor" to "anything".
LAUNCH = (0.1, 0.3, 1.0, 2.0)
WORK = (0.03, 0.1, 0.3, 1.0)
STICKS_OUT = 2.0  # in standard deviations of the left-out errors, as their median tells it
LEAST_SPREAD = 0.01  # of left-out errors: what fits better than this by chance makes no other network stick out
REWEIGHTINGS = 2
NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True)
class Design:
    """Networks (rows) by variants of kernel (columns), as the profile sees them.

    Attributes:
        variants: names of the columns.
        counts: kernels of each variant.
        launch_ms: their launches under the profile, its correction included.
        work_ms: their time at work, its correction not included.
        work_scale: by variant, the factor on it that the profile has.
        stream_ms: streaming of weights, one number a network; the correction leaves it as it is.
        measured_ms: one number a network.
    """

    variants: tuple[str, ...]
    counts: Array
    launch_ms: Array
    work_ms: Array
    work_scale: Array
    stream_ms: Array
    measured_ms: Array

    def rows(self, index: Array) -> Design:
        """Return some of the networks."""
        return Design(
            self.variants, self.counts[index], self.launch_ms[index], self.work_ms[index], self.work_scale,
            self.stream_ms[index], self.measured_ms[index],
        )  # fmt: skip


def design(profile: HardwareProfile, networks: Sequence[MeasuredNetwork]) -> Design:
    """Count and time the kernels of `networks` under `profile`."""
    names = sorted({variant(kernel) for network in networks for kernel in network.kernels})
    index = {name: column for column, name in enumerate(names)}
    counts, launches, works = (np.zeros((len(networks), len(names))) for _ in range(3))
    streams = np.zeros(len(networks))
    correction = profile.correction
    for row, network in enumerate(networks):
        weight_bytes = activation_bytes = cold_total_ms = 0.0
        for kernel in network.kernels:
            name, work = variant(kernel), kernel_work(kernel, profile)
            launch_ms, work_ms = launch_and_work_ms(kernel, work, profile)
            counts[row, index[name]] += 1
            launches[row, index[name]] += correction.per_kernel_ms.get(name, correction.scale * launch_ms)
            works[row, index[name]] += work_ms
            weight_bytes += work.weight_bytes
            activation_bytes += work.activation_bytes
            cold_total_ms += cold_ms(kernel, profile)
        streams[row] = float(memory_ms(cold_total_ms, weight_bytes, activation_bytes, profile))
    factors = np.array([correction.work_scale.get(name, correction.scale) for name in names])
    measured = np.array([network.latency_ms for network in networks])
    return Design(tuple(names), counts, launches, works, factors, streams, measured)


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted correction as numbers: the fixed cost, then a launch and a factor for each variant."""

    common_factor: float
    numbers: Array

    def predict(self, networks: Design) -> Array:
        """Return the latency of each network in milliseconds."""
        return _features(networks) @ self.numbers + networks.stream_ms


def fit(networks: Design, intercept_ms: float = 0.0) -> Fit:
    """Fit a correction; `intercept_ms` is the fixed cost that the profile has."""
    factor = _common_factor(networks, intercept_ms)
    relative = _features(networks) / networks.measured_ms[:, None]
    target = 1 - networks.stream_ms / networks.measured_ms
    mean = _prior_mean(networks, intercept_ms) * factor
    covariances = [_prior_covariance(networks, launch, work) for launch, work in product(LAUNCH, WORK)]
    trust = np.ones(len(target))
    shares = np.zeros(len(covariances))
    for step in range(REWEIGHTINGS + 1):
        rows, misfit = relative * trust[:, None], (target - relative @ mean) * trust
        left_out = np.array([_left_out_errors(rows, misfit, covariance) for covariance in covariances])
        shares = _shares(left_out)
        if step < REWEIGHTINGS:
            trust = _trust(shares @ left_out / trust)
    numbers = sum(
        share * _solve(relative * trust[:, None], target * trust, mean, covariance)
        for share, covariance in zip(shares / shares[shares > NEGLIGIBLE].sum(), covariances, strict=True)
        if share > NEGLIGIBLE
    )
    return Fit(factor, numbers)


def correction_of(networks: Design, fitted: Fit, before: Correction) -> Correction:
    """Return a fitted correction in words; variants that no network has keep what `before` says, times the factor."""
    count, factor = len(networks.variants), fitted.common_factor
    numbers = [float(number) for number in fitted.numbers]
    launches = {name: ms * factor for name, ms in before.per_kernel_ms.items()}
    works = {name: scale * factor for name, scale in before.work_scale.items()}
    return Correction(
        scale=before.scale * factor,
        intercept_ms=numbers[0],
        per_kernel_ms=launches | dict(zip(networks.variants, numbers[1 : count + 1], strict=True)),
        work_scale=works | dict(zip(networks.variants, numbers[count + 1 :], strict=True)),
    )


def _features(networks: Design) -> Array:
    return np.column_stack([np.ones(len(networks.measured_ms)), networks.counts, networks.work_ms])


def _prior_mean(networks: Design, intercept_ms: float) -> Array:
    launch_ms = networks.launch_ms.sum(0) / np.maximum(networks.counts.sum(0), 1)
    return np.concatenate([[intercept_ms], launch_ms, networks.work_scale])


def _common_factor(networks: Design, intercept_ms: float) -> float:
    """Return the factor by which the profile is wrong in the median."""
    predicted_ms = networks.launch_ms.sum(1) + networks.work_ms @ networks.work_scale + intercept_ms
    rest_ms = np.maximum(networks.measured_ms - networks.stream_ms, 0.1 * networks.measured_ms)
    return float(np.exp(np.median(np.log(rest_ms / predicted_ms))))


def _prior_covariance(networks: Design, launch: float, work: float) -> Array:
    """Return how far the numbers may stray from their mean, each kind of number in its own natural unit."""
    count = len(networks.variants)
    kernel_ms = np.median(networks.measured_ms / networks.counts.sum(1))
    factor = np.median(networks.measured_ms / np.maximum(networks.work_ms.sum(1), 1e-12))
    covariance = np.zeros((2 * count + 1, 2 * count + 1))
    covariance[0, 0] = (FIXED * np.median(networks.measured_ms)) ** 2
    launches, works = slice(1, count + 1), slice(count + 1, None)
    covariance[launches, launches] = kernel_ms**2 * (COMMON**2 + launch**2 * np.eye(count))
    covariance[works, works] = factor**2 * (COMMON**2 + work**2 * np.eye(count))
    return covariance


def _left_out_errors(relative: Array, misfit: Array, covariance: Array) -> Array:
    """Return the error on each network, were it left out; numbers may be negative here."""
    scaled = relative / NOISE
    spread = np.linalg.inv(scaled.T @ scaled + np.linalg.inv(covariance))  # of the numbers, given the networks
    leverage = np.sum((scaled @ spread) * scaled, axis=1)
    fitted = relative @ (spread @ (scaled.T @ misfit)) / NOISE
    return (misfit - fitted) / (1 - leverage)


def _shares(left_out: Array) -> Array:
    """Return how much each prior (row) counts: the likelihood of the left-out errors, were they normal."""
    spread = np.sqrt(np.mean(np.square(left_out), axis=1))
    likelihood = (spread.min() / spread) ** left_out.shape[1]
    return likelihood / likelihood.sum()


def _trust(left_out: Array) -> Array:
    """Return the root of the weight of each network."""
    apart = np.abs(left_out)
    spread = max(1.4826 * float(np.median(apart)), LEAST_SPREAD)
    return np.sqrt(np.minimum(1.0, STICKS_OUT * spread / np.maximum(apart, LEAST_SPREAD)))


def _solve(relative: Array, target: Array, mean: Array, covariance: Array) -> Array:
    """Return the most probable numbers that are not negative."""
    root = np.linalg.cholesky(np.linalg.inv(covariance)).T
    rows = np.vstack([relative / NOISE, root])
    found, _ = nnls(rows, np.concatenate([target / NOISE, root @ mean]), maxiter=50 * len(mean))
    return found
