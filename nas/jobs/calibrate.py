"""Correcting a profile by a user's own measurements: `nas calibrate`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas import torch_compat
from nas.errors import UserError

if TYPE_CHECKING:
    from nas.hardware.fit import MeasuredNetwork
    from nas.hardware.latency_table import Row
    from nas.hardware.profile import Errors, HardwareProfile
    from nas.search.watch import Watch


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration gave.

    Attributes:
        path: of the profile that was written.
        networks: how many it was corrected by.
        before: errors of the profile as it was.
        after: errors of the corrected one on networks left out of the correction.
        rows: network, measured, predicted before, predicted after (left out), in milliseconds.
    """

    path: Path
    networks: int
    before: Errors
    after: Errors
    rows: tuple[tuple[str, float, float, float], ...]


def calibrate_target(target: str, measurements: Path, out: Path, watch: Watch, *, force: bool = False) -> Calibrated:
    """Correct the profile of `target` and write it to `out`.

    Args:
        target: name or path of a profile.
        measurements: CSV of latencies (see `nas.hardware.latency_table`).
        out: the YAML file to write.
        watch: hears of progress.
        force: write it though it looks wrong or is no better.

    Raises:
        UserError: listing every problem of the measurements, or if the corrected profile is no better.
    """
    torch_compat.prepare()
    from nas.hardware.calibrate import calibrate, left_out_ms
    from nas.hardware.predictor import network_latency_ms
    from nas.hardware.profile import load_profile
    from nas.hardware.profile_file import profile_name, write_profile
    from nas.hardware.validate import errors

    profile_name(out)  # a wrong name should not cost the reading of networks
    profile = load_profile(target)
    networks = _read(profile, measurements, watch, force=force)
    measured = [network.latency_ms for network in networks]
    before = [network_latency_ms(network.kernels, profile) for network in networks]
    after = left_out_ms(profile, networks)
    found = Calibrated(
        path=out,
        networks=len(networks),
        before=errors(before, measured),
        after=errors(after, measured),
        rows=tuple(zip((n.name for n in networks), measured, before, after, strict=True)),
    )
    if not force and found.after.mape >= found.before.mape:
        raise UserError(
            f"{out} is not written: corrected by these {len(networks)} networks, {target} would be off by "
            f"{found.after.mape:.1%} on networks left out, and it is off by {found.before.mape:.1%} as it is; "
            "give more networks, or --force"
        )
    source = f"{measurements.name}, {len(networks)} networks"
    corrected = calibrate(profile, networks, (source,), datetime.date.today().isoformat())
    write_profile(corrected, out, f"nas calibrate --target {target} --measurements {measurements}")
    return found


def _read(profile: HardwareProfile, path: Path, watch: Watch, *, force: bool) -> list[MeasuredNetwork]:
    """Return the networks of a table as kernels.

    Raises:
        UserError: listing every problem.
    """
    from nas.hardware.latency_table import merged, read_table, suspicions
    from nas.hardware.predictor import network_latency_ms

    table = read_table(path)
    problems = list(table.problems)
    networks: list[MeasuredNetwork] = []
    rows = merged(table.rows)
    for number, row in enumerate(rows):
        watch.progress("reading", number, len(rows), row.network)
        try:
            networks.append(_network(profile, row, path.parent))
        except UserError as error:
            problems.append(f"line {row.line}: {error}")
    if networks and not force:
        predicted = [network_latency_ms(network.kernels, profile) for network in networks]
        found = suspicions([network.latency_ms for network in networks], predicted)
        problems += [f"{suspicion} (--force takes them as they are)" for suspicion in found]
    if problems:
        head = f"{path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise UserError("\n  ".join([head, *problems]))
    return networks


def _network(profile: HardwareProfile, row: Row, folder: Path) -> MeasuredNetwork:
    from nas.cost.kernels import fuse
    from nas.hardware.fit import MeasuredNetwork
    from nas.jobs.networks import find_network

    found = find_network(row.network, row.resolution, folder)
    return MeasuredNetwork(f"{row.network} at {found.resolution}", fuse(found.trace, profile.fusion), row.latency_ms)
