"""From measurements to a profile: kernels and blocks give the rates, whole networks judge and correct them.

There is no data sheet to start from, so the fit starts at the best rates that any sample reached.
"""

from __future__ import annotations

import dataclasses
import datetime
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nas.cost.rules import FusionRules, load_rules
from nas.hardware.fit import MeasuredNetwork, Spread, fit_profile
from nas.hardware.fit_terms import TermsProblem, TimedNetwork, empty_terms, with_terms
from nas.hardware.measurements import Setup
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import (
    BYTES_PER_ELEMENT,
    Correction,
    Evidence,
    EvidenceGroup,
    HardwareProfile,
    KernelRate,
    Peaks,
)
from nas.hardware.validate import Fitter, Predictor, errors, interval_factor, macs_fitter, profile_fitter

LEAST_NETWORKS = 5  # for errors on left-out networks to mean anything
SPREAD = Spread(common=(2.0, 1.0, 1.0), kind=(1.0, 0.7, 0.7), noise=0.08)
COVERAGE = 0.8
_MOST_FOLDS = 10
_GROUP = 4  # networks that make a group worth judging apart
_PER_MS = 1e6
PLAIN_RULES = FusionRules(
    absorb={
        "conv2d": ("batch_norm", "relu", "relu6", "sigmoid", "add"),
        "linear": ("relu",),
        "matmul": ("add",),
    },
    free=("reshape", "slice"),
)
_RULES = {"ONNX Runtime": "onnxruntime-cpu", "TensorRT": "tensorrt", "TFLite": "litert-xnnpack"}


@dataclass(frozen=True, slots=True)
class Evidences:
    """Everything measured on a device, as the fit sees it.

    Attributes:
        setup: device and engine.
        rules: by which kernels were made of operations.
        parts: kernels and blocks.
        networks: whole networks.
        foreign: those of `networks` that are not of the space.
        noise: standard deviation of the reference network's latency over its mean; None if measured once.
        note: what else should be known.
        timed: those of `networks` whose kernels the engine told the time of.
    """

    setup: Setup
    rules: FusionRules
    parts: tuple[MeasuredNetwork, ...]
    networks: tuple[MeasuredNetwork, ...]
    foreign: tuple[MeasuredNetwork, ...] = ()
    noise: float | None = None
    note: str = ""
    timed: tuple[TimedNetwork, ...] = ()


def rule_choices(engine: str) -> tuple[FusionRules, ...]:
    """Return the fusion rules that a profile may have; which predicts better is tried. PyTorch fuses nothing.

    The engine's own rules say what it launches. Plain ones came out better on a CPU where fused activations take time.
    """
    return (PLAIN_RULES, load_rules(_RULES[engine])) if engine in _RULES else (FusionRules(),)


def start_profile(setup: Setup, samples: Sequence[MeasuredNetwork], name: str, rules: FusionRules) -> HardwareProfile:
    """Return a profile whose rates are the best that any sample reached.

    Args:
        setup: device and engine.
        samples: what was measured; at least one.
        name: of the profile.
        rules: by which the kernels of `samples` were made.
    """
    size = BYTES_PER_ELEMENT[setup.precision]
    gmacs_per_s = max(_macs(s) / (s.latency_ms * _PER_MS) for s in samples) or 1.0
    gbytes_per_s = max(_elements(s) * size / (s.latency_ms * _PER_MS) for s in samples) or 1.0
    least_ms = min(s.latency_ms for s in samples)
    default = KernelRate(least_ms / 10, gmacs_per_s / 2, gbytes_per_s, "datasheet")
    kernels = {"conv_dw": dataclasses.replace(default, gmacs_per_s=gmacs_per_s / 5)}
    threads = f", {setup.threads} thread{'s' if setup.threads != 1 else ''}" if setup.threads else ""
    return HardwareProfile(
        name=name,
        description=f"{setup.device}, {setup.engine}, {setup.precision}{threads}",
        device=setup.device,
        engine=setup.engine,
        precision=setup.precision,  # type: ignore[arg-type]  # checked where it was read
        batch=1,
        peaks=Peaks(gmacs_per_s, gbytes_per_s),
        default=default,
        kernels=kernels,
        evidence=Evidence("datasheet", ("none yet",), _today(), 0, "none", 3.0),
        threads=setup.threads,
        fusion=rules,
        correction=Correction(intercept_ms=least_ms / 2),
    )


def measured_profile(
    found: Evidences, name: str, progress: Callable[[float, float], None], *, by_terms: bool = False
) -> HardwareProfile:
    """Fit a profile and say how far it is off on networks left out of the fit.

    Args:
        found: what was measured, with at least `LEAST_NETWORKS` networks.
        name: of the profile.
        progress: hears of folds done and folds in all.
        by_terms: whether kernels are fitted by the times that the engine told of them in the networks, and not
            by rates; all networks must have them.
    """
    start = start_profile(found.setup, [*found.parts, *found.networks], name, found.rules)
    fitter = _terms_fitter(start, found.timed) if by_terms else profile_fitter(start, SPREAD)
    predicted, method = left_out(fitter, found.networks, () if by_terms else found.parts, progress)
    line, _ = left_out(macs_fitter, found.networks)
    measured = [network.latency_ms for network in found.networks]
    evidence = Evidence(
        kind="measured",
        sources=(f"measured with {found.setup.describe()}",),
        date=_today(),
        networks=len(found.networks),
        method=method,
        interval_factor=interval_factor(predicted, measured, COVERAGE),
        interval_coverage=COVERAGE,
        errors=errors(predicted, measured),
        macs_only=errors(line, measured),
        range_ms=(min(measured), max(measured)),
        others=_foreign(fitter, found),
        note=_note(found, by_terms=by_terms),
    )
    if by_terms:
        fitted = with_terms(start, _terms_problem(start, found.timed).fit())
    else:
        fitted = fit_profile(start, [*found.parts, *found.networks], SPREAD)
    return dataclasses.replace(fitted, evidence=evidence)


def _terms_problem(start: HardwareProfile, timed: Sequence[TimedNetwork]) -> TermsProblem:
    return TermsProblem(timed, start.bytes_per_element, empty_terms(start.fusion))


def _terms_fitter(start: HardwareProfile, timed: Sequence[TimedNetwork]) -> Fitter:
    """Return a fitter that knows networks by their names; kernels and blocks, timed alone, it passes over."""
    problem = _terms_problem(start, timed)
    place = {network.name: position for position, network in enumerate(timed)}

    def fit(networks: Sequence[MeasuredNetwork]) -> Predictor:
        profile = with_terms(start, problem.fit([place[n.name] for n in networks if n.name in place]))
        return lambda network: network_latency_ms(network.kernels, profile)

    return fit


def left_out(
    fitter: Fitter,
    networks: Sequence[MeasuredNetwork],
    always: Sequence[MeasuredNetwork] = (),
    progress: Callable[[float, float], None] | None = None,
) -> tuple[list[float], str]:
    """Predict each network by a fit without it, and say how it was left out.

    Args:
        fitter: fits a predictor.
        networks: each is left out once; beyond ten of them, a tenth at a time.
        always: takes part in every fit.
        progress: hears of folds done and folds in all.
    """
    folds = min(len(networks), _MOST_FOLDS)
    predicted = [0.0] * len(networks)
    for fold in range(folds):
        inside = [network for i, network in enumerate(networks) if i % folds != fold]
        predictor = fitter([*inside, *always])
        for i in range(fold, len(networks), folds):
            predicted[i] = predictor(networks[i])
        if progress is not None:
            progress(fold + 1, folds)
    method = "leave-one-network-out" if folds == len(networks) else f"{folds}-fold cross-validation over networks"
    return predicted, method


def part_errors(start: HardwareProfile, found: Evidences, folds: int = 3) -> list[float]:
    """Return the relative error of each kernel and block, predicted by a fit without it: sampling is led by them."""
    found_errors = [0.0] * len(found.parts)
    for fold in range(min(folds, len(found.parts))):
        inside = [part for i, part in enumerate(found.parts) if i % folds != fold]
        profile = fit_profile(start, [*inside, *found.networks], SPREAD)
        for i in range(fold, len(found.parts), folds):
            part = found.parts[i]
            found_errors[i] = abs(network_latency_ms(part.kernels, profile) / part.latency_ms - 1)
    return found_errors


def noise_floor(reference_ms: Sequence[float]) -> float | None:
    """Return the standard deviation of the reference's latencies over their mean; None for fewer than two."""
    if len(reference_ms) < 2:
        return None
    return statistics.stdev(reference_ms) / statistics.mean(reference_ms)


def _foreign(fitter: Fitter, found: Evidences) -> tuple[EvidenceGroup, ...]:
    """Judge the networks of other families by a fit to kernels, blocks and the space's own networks."""
    own = [network for network in found.networks if network not in found.foreign]
    if len(found.foreign) < _GROUP or len(own) < 2:
        return ()
    measured = [network.latency_ms for network in found.foreign]
    predictor, line = fitter([*own, *found.parts]), macs_fitter(own)
    group = EvidenceGroup(
        name="networks of other families",
        networks=len(measured),
        errors=errors([predictor(network) for network in found.foreign], measured),
        macs_only=errors([line(network) for network in found.foreign], measured),
        method="all of them left out at once",
    )
    return (group,)


def _note(found: Evidences, *, by_terms: bool) -> str:
    noise = "" if found.noise is None else f"A reference network measured in between varied by {found.noise:.1%}. "
    if by_terms:
        fitted_to = f"Fitted to {sum(network.reported for network in found.timed)} kernels timed in these networks."
    else:
        fitted_to = f"{len(found.parts)} kernels and blocks take part in every fit."
    return f"{noise}{fitted_to} {found.note}".strip()


def _macs(sample: MeasuredNetwork) -> float:
    return float(sum(kernel.macs for kernel in sample.kernels))


def _elements(sample: MeasuredNetwork) -> float:
    return float(sum(k.read_elements + k.write_elements + k.weight_elements for k in sample.kernels))


def _today() -> str:
    return datetime.date.today().isoformat()
