"""Fits the shipped hardware profiles to their evidence and writes `hardware_profiles/<name>.yaml`.

    python -m tools.fit_profiles jetson-orin coral-edgetpu pixel4-cpu --data DIR
    python -m tools.fit_profiles all --data DIR      # every target but host-cpu
    python -m tools.fit_profiles host-cpu --cache FILE    # measures on this machine; what FILE holds is not repeated

Each profile starts from `tools/templates/<name>.yaml` (data-sheet numbers). Errors are of networks left out of the
fit; beside them stand those of a straight line in MACs. A chart of them goes to `docs/latency/<name>.svg`.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from nas import torch_compat
from nas.hardware.fit import MeasuredNetwork, fit_profile
from nas.hardware.predictor import network_latency_ms
from nas.hardware.profile import Evidence, EvidenceGroup, HardwareProfile, load_profile
from nas.hardware.profile_file import profile_text
from nas.hardware.validate import (
    Fitter,
    errors,
    interval_factor,
    leave_one_out,
    macs_fitter,
    profile_fitter,
)
from tools.family import family_fitter, fit_in_family
from tools.host import DEFAULT_CACHE
from tools.host_fit import fit_host
from tools.latency_chart import Row, draw
from tools.targets import TEMPLATES, Case, Group, gather, load_template, on_data_sheet, template_names

ROOT = Path(__file__).resolve().parent.parent
COVERAGE = 0.8
DATASHEET_FACTOR = 3.0
LEAVE_ONE_OUT = "leave-one-network-out"
FOLDS = 20  # for more networks than this in one group that differ little, such as cells


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted profile and, for the report, what was predicted for each left-out network."""

    profile: HardwareProfile
    rows: tuple[Row, ...]


def main() -> None:
    """Fit the targets named on the command line."""
    names = template_names()
    parser = argparse.ArgumentParser(description="fit hardware profiles to measured networks")
    parser.add_argument("targets", nargs="+", choices=[*names, "all"], metavar="TARGET", help=", ".join(names))
    parser.add_argument("--data", type=Path, default=os.environ.get("NAS_BENCH_DATA"), help="folder of measured data")
    parser.add_argument(
        "--cache", type=Path, default=DEFAULT_CACHE, help="measurements of host-cpu (default: %(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the errors, write nothing")
    options = parser.parse_args()
    chosen = [name for name in names if name != "host-cpu"] if "all" in options.targets else options.targets
    if options.data is None and chosen != ["host-cpu"]:
        parser.error("--data (or NAS_BENCH_DATA) must name the folder of measured data")
    torch_compat.prepare()
    logging.disable(logging.WARNING)
    for name in sorted(chosen, key=lambda name: name == "jetson-agx-orin"):  # it takes over another target's rates
        if name == "host-cpu":
            fit = Fit(*fit_host(load_template(name), options.cache))
        else:
            fit = fit_target(name, Path(options.data) if options.data else None)
        if not options.dry_run:
            write(fit)
        print_fit(fit)


def fit_target(name: str, data: Path | None) -> Fit:
    """Gather the evidence of one target and fit its template to it."""
    template, case = load_template(name), gather(name, data)
    if case.transfer:
        return _transferred(template, case)
    names = [network.name for network in case.networks]
    measured = [network.latency_ms for network in case.networks]
    predicted = left_out(_fitter(template, case), case.networks)
    line = left_out(macs_fitter, case.networks)
    evidence = Evidence(
        kind=case.kind,
        sources=(*case.sources, *(source for group in case.others for source in group.sources)),
        date=datetime.date.today().isoformat(),
        networks=len(case.networks),
        method=_method(case),
        interval_factor=interval_factor(predicted, measured, COVERAGE),
        interval_coverage=COVERAGE,
        errors=errors(predicted, measured),
        macs_only=errors(line, measured),
        range_ms=_range([*case.networks, *case.always]),
        others=(*_unseen_architectures(template, case), *(_group(group, template, case) for group in case.others)),
        note=case.note,
    )
    profile = _fitted(template, case, [*case.networks, *case.always])
    rows = tuple(zip(names, measured, predicted, line, strict=True))
    return Fit(dataclasses.replace(profile, evidence=evidence), rows)


def left_out(fitter: Fitter, networks: Sequence[MeasuredNetwork]) -> list[float]:
    """Predict each network by a fit without it; many alike are left out a fold at a time."""
    if len(networks) <= 2 * FOLDS:
        return leave_one_out(fitter, networks)
    predicted: dict[int, float] = {}
    for fold in range(FOLDS):
        predictor = fitter([network for i, network in enumerate(networks) if i % FOLDS != fold])
        predicted.update({i: predictor(networks[i]) for i in range(fold, len(networks), FOLDS)})
    return [predicted[i] for i in range(len(networks))]


def architecture(name: str) -> str:
    """Return a network's name without its width or the size of its images."""
    return re.sub(r"(_x\d.*| [a-z]+ \d+x\d+)$", "", name)


def _unseen_architectures(template: HardwareProfile, case: Case) -> tuple[EvidenceGroup, ...]:
    """Predict every architecture, at all its widths and sizes, by a fit to the others; harder than a network alone."""
    names = sorted({architecture(network.name) for network in case.networks})
    if len(names) in (1, len(case.networks)) or len(case.networks) > 2 * FOLDS:
        return ()
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        seen = [network for network in case.networks if architecture(network.name) != name]
        predictor, line = _fitter(template, case)(seen), macs_fitter(seen)
        left = [network for network in case.networks if architecture(network.name) == name]
        found.update({network.name: (predictor(network), line(network)) for network in left})
    kernels, macs = zip(*(found[network.name] for network in case.networks), strict=True)
    measured = [network.latency_ms for network in case.networks]
    group = EvidenceGroup(
        name="architectures not seen",
        networks=len(measured),
        errors=errors(kernels, measured),
        macs_only=errors(macs, measured),
        method=f"leave-one-architecture-out, {len(names)} architectures",
    )
    return (group,)


def _method(case: Case) -> str:
    many = f"{FOLDS}-fold cross-validation" if len(case.networks) > 2 * FOLDS else LEAVE_ONE_OUT
    return many + (", also of the siblings" if case.siblings else "")


def _fitter(template: HardwareProfile, case: Case) -> Fitter:
    """Return what fits the case, in its family if it has one."""
    if case.siblings:
        return family_fitter(template, case.siblings, case.networks, case.always, case.spread)
    return lambda networks: profile_fitter(template, case.spread)([*networks, *case.always])


def _fitted(template: HardwareProfile, case: Case, networks: Sequence[MeasuredNetwork]) -> HardwareProfile:
    """Return the profile fitted to these networks."""
    if case.siblings:
        return fit_in_family(template, case.siblings, case.networks, networks, case.spread)
    return fit_profile(template, networks, case.spread)


def _transferred(template: HardwareProfile, case: Case) -> Fit:
    """Take over another target's fitted rates by the ratio of the data sheets."""
    scaled = on_data_sheet(load_profile(case.transfer), template.peaks)
    evidence = Evidence(
        kind="datasheet",
        sources=case.sources,
        date=datetime.date.today().isoformat(),
        networks=0,
        method="none",
        interval_factor=DATASHEET_FACTOR,
        note=case.note,
    )
    profile = dataclasses.replace(
        template,
        default=dataclasses.replace(scaled.default, evidence="datasheet"),
        kernels={kind: dataclasses.replace(rate, evidence="datasheet") for kind, rate in scaled.kernels.items()},
        correction=scaled.correction,
        evidence=evidence,
    )
    return Fit(profile, ())


def _group(group: Group, template: HardwareProfile, case: Case) -> EvidenceGroup:
    """Judge the group's held-out networks by a fit to the profile's networks and the group's own few."""
    profile = _fitted(template, case, [*case.networks, *group.fitted])
    line = macs_fitter(group.fitted)
    measured = [network.latency_ms for network in group.held_out]
    return EvidenceGroup(
        name=group.name,
        networks=len(group.held_out),
        errors=errors([network_latency_ms(network.kernels, profile) for network in group.held_out], measured),
        macs_only=errors([line(network) for network in group.held_out], measured),
        method=f"held out; {len(group.fitted)} others of the group in the fit",
        sources=group.sources,
    )


def _range(networks: Sequence[MeasuredNetwork]) -> tuple[float, float]:
    latencies = [network.latency_ms for network in networks]
    return _round(min(latencies)), _round(max(latencies))


def write(fit: Fit) -> None:
    """Write a profile with the three comment lines that every YAML opens with, and the chart of its errors."""
    profile = fit.profile
    template = (TEMPLATES / f"{profile.name}.yaml").read_text(encoding="utf-8").splitlines()
    start = template[2].removeprefix("# Numbers: ")
    evidence = profile.evidence
    fitted = f"rates fitted to {evidence.networks} {evidence.kind} networks; start"
    head = (
        f"# {profile.description}.\n"
        f"# Used by: nas search --target {profile.name}; written by: python -m tools.fit_profiles {profile.name}\n"
        f"# Numbers: {fitted if evidence.networks else 'rates of another target, scaled to this data sheet'}: {start}\n"
    )
    path = ROOT / "hardware_profiles" / f"{profile.name}.yaml"
    path.write_text(profile_text(profile, head), encoding="utf-8")
    if fit.rows:
        charts = ROOT / "docs" / "latency"
        charts.mkdir(exist_ok=True)
        (charts / f"{profile.name}.svg").write_text(draw(profile.name, fit.rows, _subtitle(evidence)), encoding="utf-8")


def _subtitle(evidence: Evidence) -> str:
    assert evidence.errors is not None
    assert evidence.macs_only is not None
    medians = f"{evidence.errors.median:.1%}, of a line in MACs {evidence.macs_only.median:.1%}"
    return f"{evidence.networks} networks, each predicted by a fit without it: median error {medians}"


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def print_fit(fit: Fit) -> None:
    """Print each left-out network and the summary rows of docs/latency.md."""
    evidence = fit.profile.evidence
    print(f"\n{fit.profile.name}: {evidence.networks} networks, {evidence.method}")
    for name, measured, predicted, line in fit.rows[: 2 * FOLDS]:
        error = predicted / measured - 1
        print(f"  {name:32s} measured {measured:8.2f} ms  predicted {predicted:8.2f} ({error:+.0%})  MACs {line:8.2f}")
    for group in (evidence, *evidence.others):
        for label, found in (("kernels", group.errors), ("MACs only", group.macs_only)):
            if found is not None:
                figures = f"within 10 % {found.share_within_10:.0%}, median {found.median:.1%}, mean {found.mape:.1%}"
                print(f"  {label}: {figures}, Spearman {found.spearman:.3f}", flush=True)


if __name__ == "__main__":
    main()
