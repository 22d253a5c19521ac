"""Fits the shipped hardware profiles to their evidence and writes `hardware_profiles/<name>.yaml`.

    python tools/fit_profiles.py jetson-orin coral-edgetpu pixel4-cpu --data DIR
    python tools/fit_profiles.py host-cpu            # measures on this machine, about three minutes

Each profile starts from `tools/templates/<name>.yaml` (data-sheet numbers). Errors are of networks left out of the
fit; beside them stand those of a straight line in MACs. The table printed at the end is the one in docs/latency.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from nas import schema, torch_compat
from nas.hardware.fit import MeasuredNetwork, Spread, fit_profile
from nas.hardware.profile import Evidence, EvidenceGroup, HardwareProfile
from nas.hardware.validate import (
    best_template,
    errors,
    interval_factor,
    leave_one_out,
    macs_fitter,
    profile_fitter,
    selecting_fitter,
)

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "tools" / "templates"
COVERAGE = 0.8
LEAVE_ONE_OUT = "leave-one-network-out"


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted profile and, for the report, what was predicted for each left-out network."""

    profile: HardwareProfile
    rows: tuple[tuple[str, float, float, float], ...]  # network, measured, predicted, a line in MACs


def main() -> None:
    """Fit the targets named on the command line."""
    parser = argparse.ArgumentParser(description="fit hardware profiles to measured networks")
    parser.add_argument("targets", nargs="+", choices=sorted(path.stem for path in TEMPLATES.glob("*.yaml")))
    parser.add_argument("--data", type=Path, default=os.environ.get("NAS_BENCH_DATA"), help="folder of measured data")
    parser.add_argument("--dry-run", action="store_true", help="print the errors, write nothing")
    options = parser.parse_args()
    if options.data is None and options.targets != ["host-cpu"]:
        parser.error("--data (or NAS_BENCH_DATA) must name the folder of measured data")
    torch_compat.prepare()
    fits = [fit_target(name, Path(options.data) if options.data else None) for name in options.targets]
    for fit in fits:
        if not options.dry_run:
            write(fit.profile)
        print_fit(fit)


def fit_target(name: str, data: Path | None) -> Fit:
    """Gather the evidence of one target and fit its template to it."""
    import targets

    template = schema.read(HardwareProfile, schema.load_yaml(TEMPLATES / f"{name}.yaml"), source=name)
    case = targets.gather(name, template, data)
    spread = case.spread
    templates = case.templates or (template,)
    predicted = leave_one_out(selecting_fitter(templates, case.always, spread), case.networks)
    template = best_template(templates, case.networks, case.always, spread)
    line = leave_one_out(macs_fitter, case.networks)
    measured = [network.latency_ms for network in case.networks]
    evidence = Evidence(
        kind=case.kind,
        sources=case.sources,
        date=datetime.date.today().isoformat(),
        networks=len(case.networks),
        method=LEAVE_ONE_OUT + (f", {case.chosen} chosen inside each fold" if case.chosen else ""),
        interval_factor=interval_factor(predicted, measured, COVERAGE),
        interval_coverage=COVERAGE,
        errors=errors(predicted, measured),
        macs_only=errors(line, measured),
        range_ms=_range([*case.networks, *case.always]),
        others=tuple(_group(group, template, case.networks, spread) for group in case.others),
        note=case.note,
    )
    profile = fit_profile(template, [*case.networks, *case.always], spread)
    names = [network.name for network in case.networks]
    rows = tuple(zip(names, measured, predicted, line, strict=True))
    return Fit(dataclasses.replace(profile, evidence=evidence), rows)


def _group(group: Any, template: HardwareProfile, networks: Sequence[MeasuredNetwork], spread: Spread) -> EvidenceGroup:
    """Judge the group's held-out networks by a fit to the profile's networks and the group's own few."""
    predictor = profile_fitter(template, spread)([*networks, *group.fitted])
    line = macs_fitter(group.fitted)
    measured = [network.latency_ms for network in group.held_out]
    return EvidenceGroup(
        name=group.name,
        networks=len(group.held_out),
        errors=errors([predictor(network) for network in group.held_out], measured),
        macs_only=errors([line(network) for network in group.held_out], measured),
        method=f"held out; {len(group.fitted)} others of the group in the fit",
        sources=group.sources,
    )


def _range(networks: Sequence[MeasuredNetwork]) -> tuple[float, float]:
    latencies = [network.latency_ms for network in networks]
    return _round(min(latencies)), _round(max(latencies))


def write(profile: HardwareProfile) -> None:
    """Write a profile with the three comment lines that every YAML opens with."""
    template = (TEMPLATES / f"{profile.name}.yaml").read_text(encoding="utf-8").splitlines()
    start = template[2].removeprefix("# Numbers: ")
    head = (
        f"# {profile.description}.\n"
        f"# Used by: nas search --target {profile.name}; written by: python tools/fit_profiles.py {profile.name}\n"
        f"# Numbers: rates fitted to {profile.evidence.networks} {profile.evidence.kind} networks; start: {start}\n"
    )
    body = yaml.safe_dump(_plain(profile), sort_keys=False, width=110, default_flow_style=None, allow_unicode=True)
    (ROOT / "hardware_profiles" / f"{profile.name}.yaml").write_text(head + body, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Turn a dataclass into dictionaries, leaving out what equals its default, numbers rounded."""
    if dataclasses.is_dataclass(value):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {field.name: _plain(v) for field, v in fields if v is not None and v not in ((), {}, "", field.default)}
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return _round(value) if isinstance(value, float) else value


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def print_fit(fit: Fit) -> None:
    """Print each left-out network and the summary rows of docs/latency.md."""
    evidence = fit.profile.evidence
    print(f"\n{fit.profile.name}: {evidence.networks} networks, {evidence.method}")
    for name, measured, predicted, line in fit.rows:
        print(f"  {name:32s} measured {measured:8.2f} ms  predicted {predicted:8.2f}  MACs only {line:8.2f}")
    print("\n| target | networks | predictor | within 10 % | median error | mean error | Spearman |")
    print("|---|---|---|---|---|---|---|")
    _print_rows(fit.profile.name, evidence.networks, evidence)
    for group in evidence.others:
        _print_rows(f"{fit.profile.name}, {group.name}", group.networks, group)


def _print_rows(name: str, networks: int, evidence: Any) -> None:
    for label, found in (("kernels", evidence.errors), ("MACs only", evidence.macs_only)):
        figures = f"{found.share_within_10:.0%} | {found.median:.1%} | {found.mape:.1%} | {found.spearman:.3f}"
        print(f"| {name} | {networks} | {label} | {figures} |")


if __name__ == "__main__":
    main()
