"""Errors of a fitted profile on networks it has not seen, and of a straight line in MACs beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from nas.hardware.fit import MeasuredNetwork, Spread, fit_profile
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import Errors, HardwareProfile

Array = Any  # a numpy array of floats

Predictor = Callable[[MeasuredNetwork], float]
Fitter = Callable[[Sequence[MeasuredNetwork]], Predictor]


def profile_fitter(template: HardwareProfile, spread: Spread | None = None) -> Fitter:
    """Return a fitter that fits the rates of `template`."""

    def fit(networks: Sequence[MeasuredNetwork]) -> Predictor:
        profile = fit_profile(template, networks, spread)
        return lambda network: network_latency_ms(network.kernels, profile)

    return fit


def macs_fitter(networks: Sequence[MeasuredNetwork]) -> Predictor:
    """Fit ``a + b * macs`` with positive `a` and `b` on the logarithm of the latency."""
    macs = np.array([_macs(network) for network in networks])
    measured_ms = np.array([network.latency_ms for network in networks])

    def residuals(logs: Array) -> Array:
        return np.log((np.exp(logs[0]) + np.exp(logs[1]) * macs) / measured_ms)

    start = [math.log(measured_ms.min() / 2), math.log(np.median(measured_ms / macs))]
    intercept_ms, slope = np.exp(least_squares(residuals, start).x)
    return lambda network: float(intercept_ms + slope * _macs(network))


def leave_one_out(
    fitter: Fitter, networks: Sequence[MeasuredNetwork], always: Sequence[MeasuredNetwork] = ()
) -> list[float]:
    """Predict each network by a fit to the others.

    Args:
        fitter: fits a predictor to networks.
        networks: each is left out once.
        always: further networks that take part in every fit.
    """
    predictions = []
    for left_out in range(len(networks)):
        others = [network for i, network in enumerate(networks) if i != left_out]
        predictions.append(fitter([*others, *always])(networks[left_out]))
    return predictions


def fold_of(networks: int, folds: int) -> Array:
    """Return the fold of each network: each its own where there are no more networks than folds."""
    return np.arange(networks) % min(networks, folds)


def leave_folds_out(fitter: Fitter, networks: Sequence[MeasuredNetwork], folds: int) -> list[float]:
    """Predict each network by a fit to the networks of the other folds."""
    fold = fold_of(len(networks), folds)
    predictions = [0.0] * len(networks)
    for number in range(int(fold.max()) + 1):
        predictor = fitter([network for network, own in zip(networks, fold, strict=True) if own != number])
        for position in np.flatnonzero(fold == number).tolist():
            predictions[position] = predictor(networks[position])
    return predictions


def errors(predicted_ms: Sequence[float], measured_ms: Sequence[float]) -> Errors:
    """Summarise predictions against measurements, relative to the measurement."""
    predicted, measured = np.array(predicted_ms), np.array(measured_ms)
    relative = np.abs(predicted / measured - 1)
    return Errors(
        share_within_10=round(float(np.mean(relative <= 0.10)), 3),
        mape=round(float(relative.mean()), 4),
        median=round(float(np.median(relative)), 4),
        spearman=round(spearman(predicted, measured), 3),
    )


def interval_factor(predicted_ms: Sequence[float], measured_ms: Sequence[float], coverage: float = 0.8) -> float:
    """Return the factor within which `coverage` of the predictions lie.

    The quantile counts one network more than there are (split conformal prediction, Vovk et al. 2005), so few
    networks give a wide interval: their worst case.
    """
    ratios = sorted(np.exp(np.abs(np.log(np.array(predicted_ms) / np.array(measured_ms)))))
    position = min(len(ratios), math.ceil((len(ratios) + 1) * coverage)) - 1
    return round(float(ratios[position]), 3)


def spearman(first: Array, second: Array) -> float:
    """Return the rank correlation; equal values share their mean rank."""
    if len(first) < 2:
        return 0.0
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Array) -> Array:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def _macs(network: MeasuredNetwork) -> float:
    return float(sum(kernel.macs for kernel in network.kernels))
