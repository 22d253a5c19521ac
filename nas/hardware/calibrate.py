"""Corrects a profile by few networks measured on the device at hand, and says how good it was and is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from nas.errors import UserError
from nas.hardware.correction import correction_of, design, fit
from nas.hardware.fit import MeasuredNetwork
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import Evidence, HardwareProfile
from nas.hardware.validate import errors, fold_of, interval_factor, leave_folds_out, macs_fitter

MINIMUM = 3
FOLDS = 20
COVERAGE = 0.8


def correct(profile: HardwareProfile, networks: Sequence[MeasuredNetwork]) -> HardwareProfile:
    """Return `profile` with the correction that `networks` ask for; its evidence stays as it was."""
    if not networks:
        return profile
    rows, before = design(profile, networks), profile.correction
    found = correction_of(rows, fit(rows, before.intercept_ms), before)
    return dataclasses.replace(profile, correction=found)


def calibrate(
    profile: HardwareProfile, networks: Sequence[MeasuredNetwork], sources: tuple[str, ...] = (), date: str = ""
) -> HardwareProfile:
    """Correct `profile` by `networks` and state the errors before it and, on networks left out, after it.

    For the errors each network is predicted by a correction that was fitted without it, its priors included.

    Args:
        profile: what the device was believed to be; it may have a correction already.
        networks: measured, at least three; five to fifty are usual.
        sources: where the latencies come from.
        date: of the measurement; by default that of the profile's evidence.

    Raises:
        UserError: if there are fewer than three networks.
    """
    if len(networks) < MINIMUM:
        raise UserError(f"a correction needs at least {MINIMUM} measured networks, got {len(networks)}")
    measured = [network.latency_ms for network in networks]
    before = [network_latency_ms(network.kernels, profile) for network in networks]
    after = left_out_ms(profile, networks)
    evidence = Evidence(
        kind="measured",
        sources=(*sources, *profile.evidence.sources),
        date=date or profile.evidence.date,
        networks=len(networks),
        method=f"correction of {profile.name}, {_method(len(networks))}",
        interval_factor=interval_factor(after, measured, COVERAGE),
        interval_coverage=COVERAGE,
        errors=errors(after, measured),
        macs_only=errors(leave_folds_out(macs_fitter, networks, FOLDS), measured),
        uncorrected=errors(before, measured),
        range_ms=(min(measured), max(measured)),
        others=profile.evidence.others,
        note=profile.evidence.note,
    )
    return dataclasses.replace(correct(profile, networks), evidence=evidence)


def left_out_ms(profile: HardwareProfile, networks: Sequence[MeasuredNetwork]) -> list[float]:
    """Predict each network by a correction fitted to the networks of the other folds."""
    rows = design(profile, networks)
    fold = fold_of(len(networks), FOLDS)
    predicted_ms = np.zeros(len(networks))
    for number in range(int(fold.max()) + 1):
        left_out = np.flatnonzero(fold == number)
        fitted = fit(rows.rows(np.flatnonzero(fold != number)), profile.correction.intercept_ms)
        predicted_ms[left_out] = fitted.predict(rows.rows(left_out))
    return [float(ms) for ms in predicted_ms]


def _method(networks: int) -> str:
    return "leave-one-network-out" if networks <= FOLDS else f"{FOLDS} folds left out in turn"
