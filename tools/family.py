"""Fits a target together with its siblings: other devices whose engine runs the same kinds of kernel.

Devices of one family differ in how fast they are, not in which kernels suit them. So the factors of the kinds of
kernel (see nas.hardware.fit) are shared by the family, while overhead, rate, bandwidth, saturation and the fixed cost
are each device's own. A target with few networks borrows the shape from its siblings and the level from its own.

A network that is left out of the target's fit is left out of the siblings' too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from nas.hardware.fit import PER_KIND, RATES, SINGLE, MeasuredNetwork, Spread, _Problem
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import HardwareProfile, KernelRate
from nas.hardware.validate import Fitter, Predictor

Array = Any  # a numpy array of floats

SHARED = 0.6  # standard deviation of the logarithm of a kind's factor in the family


@dataclass(frozen=True)
class Sibling:
    """Another device of the family: its data sheet as a template, and what was measured on it."""

    name: str
    template: HardwareProfile
    networks: tuple[MeasuredNetwork, ...]


def family_fitter(
    template: HardwareProfile,
    siblings: Sequence[Sibling],
    every: Sequence[MeasuredNetwork],
    always: Sequence[MeasuredNetwork] = (),
    spread: Spread | None = None,
) -> Fitter:
    """Return a fitter of the target within its family.

    Args:
        template: the target's data sheet.
        siblings: the other devices.
        every: all of the target's networks: those that the fitter is not given are left out of the siblings.
        always: further networks of the target that take part in every fit.
        spread: how far each kind of factor may stray.
    """

    def fit(networks: Sequence[MeasuredNetwork]) -> Predictor:
        profile = fit_in_family(template, siblings, every, [*networks, *always], spread)
        return lambda network: network_latency_ms(network.kernels, profile)

    return fit


def fit_in_family(
    template: HardwareProfile,
    siblings: Sequence[Sibling],
    every: Sequence[MeasuredNetwork],
    networks: Sequence[MeasuredNetwork],
    spread: Spread | None = None,
) -> HardwareProfile:
    """Return the target's profile; arguments are those of `family_fitter`."""
    given = {network.name for network in networks}
    left_out = {network.name for network in every} - given
    devices = [(template, list(networks))]
    for sibling in siblings:
        devices.append((sibling.template, [n for n in sibling.networks if n.name not in left_out]))
    return _fit([device for device in devices if device[1]], spread or Spread())[0]


def _fit(devices: Sequence[tuple[HardwareProfile, Sequence[MeasuredNetwork]]], spread: Spread) -> list[HardwareProfile]:
    """Fit all devices at once; returns their profiles in order."""
    problems = [_Problem(template, networks, spread) for template, networks in devices]
    kinds = sorted({kind for problem in problems for kind in problem.kinds})
    places = [np.array([kinds.index(kind) for kind in problem.kinds]) for problem in problems]
    shared = len(kinds) * PER_KIND
    spreads = np.concatenate([np.full(shared, SHARED), *(problem.spreads[:SINGLE] for problem in problems)])
    free = spreads > 0

    def factors(values: Array) -> list[Array]:
        every = np.zeros(len(spreads))
        every[free] = values
        of_kinds = every[:shared].reshape(len(kinds), PER_KIND)
        own = every[shared:].reshape(len(problems), SINGLE)
        return [np.concatenate([mine, of_kinds[at].ravel()]) for mine, at in zip(own, places, strict=True)]

    def residuals(values: Array) -> Array:
        misfits = [
            np.log(problem.predict(mine) / problem.measured_ms) / spread.noise
            for problem, mine in zip(problems, factors(values), strict=True)
        ]
        return np.concatenate([*misfits, values / spreads[free]])

    found = least_squares(residuals, np.zeros(int(free.sum())), method="trf", max_nfev=60).x
    every = np.zeros(len(spreads))
    every[free] = found
    of_kinds = dict(zip(kinds, every[:shared].reshape(len(kinds), PER_KIND), strict=True))
    return [
        _with_kinds_of_siblings(problem.profile(mine), problem, mine, of_kinds)
        for problem, mine in zip(problems, factors(found), strict=True)
    ]


def _with_kinds_of_siblings(
    profile: HardwareProfile, problem: _Problem, factors: Array, of_kinds: dict[str, Array]
) -> HardwareProfile:
    """Add the kinds that only siblings have run: the device's level, the family's shape."""
    kernels = dict(profile.kernels)
    for kind in of_kinds.keys() - set(problem.kinds):
        logs = factors[: len(RATES)].copy()
        logs[:PER_KIND] += of_kinds[kind]
        base = problem.template.rate(kind)
        values = {name: float(getattr(base, name) * np.exp(log)) for name, log in zip(RATES, logs, strict=True)}
        kernels[kind] = KernelRate(evidence="fitted", **values)
    return replace(profile, kernels=dict(sorted(kernels.items())))
