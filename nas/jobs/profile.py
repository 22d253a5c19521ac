"""Profiling a device: measure, fit, judge, write. What `nas profile` and a search on an unknown CPU use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas import torch_compat
from nas.errors import UserError
from nas.hardware.profile import HardwareProfile

if TYPE_CHECKING:
    from nas.hardware.measure.engine import Engine
    from nas.hardware.measurements import MeasurementFile
    from nas.hardware.profiler import Profiler
    from nas.search.watch import Watch


@dataclass(frozen=True, slots=True)
class ProfileOrder:
    """What to profile.

    Attributes:
        out: the YAML file to write; measurements go beside it.
        spaces: names or paths of the spaces whose blocks are measured; empty takes every shipped one.
        minutes: of measuring, over all calls with the same `out`.
        seed: of what is drawn from the spaces.
        samples: stop after so many, whatever the time (for tests).
        how: the command, for the file's first lines.
    """

    out: Path
    spaces: Sequence[str] = ()
    minutes: float = 10.0
    seed: int = 0
    samples: int | None = None
    how: str = "nas profile"


@dataclass(frozen=True, slots=True)
class Profiled:
    """A written profile and what it rests on."""

    profile: HardwareProfile
    path: Path
    parts: int
    noise: float | None
    seconds: float


def profile_device(order: ProfileOrder, engine: Engine, watch: Watch) -> Profiled:
    """Measure a device and write its profile; Ctrl-C ends the measuring early and keeps everything.

    Raises:
        UserError: if names or files are wrong, or there are too few networks for a profile yet.
        NasError: if nothing can be measured.
    """
    import torch

    torch_compat.prepare()
    from nas.hardware.measured_profile import LEAST_NETWORKS
    from nas.hardware.measurements import MeasurementFile, Setup
    from nas.hardware.profile_file import profile_name
    from nas.hardware.profiler import Budget, Profiler
    from nas.resources import shipped_names
    from nas.space.space import load_space

    name = profile_name(order.out)
    spaces = [load_space(space) for space in order.spaces or shipped_names("search_spaces")]
    settings = engine.settings
    setup = Setup(engine.device(), engine.name, settings.precision, settings.threads)
    file = MeasurementFile.open(measurements_path(order.out), setup)
    watch.say(f"measuring {setup.describe()}, {order.minutes:g} minutes in all; measurements: {file.path}")
    if file.measured:
        watch.say(f"continuing after {len(file.measured)} samples, {file.seconds / 60:.1f} minutes")
    torch.set_num_threads(1)  # exporting should not disturb what is measured
    profiler = Profiler(engine, file, spaces, seed=order.seed, name=name)
    budget = Budget(order.minutes * 60, order.samples)

    def progress(spent: float, note: str) -> None:
        watch.progress("measuring", min(spent, budget.seconds), budget.seconds, note)

    try:
        profiler.run(budget, progress)
    except KeyboardInterrupt:
        watch.say(f"stopped after {len(file.measured)} samples; the same command continues")
    networks = sum(1 for _ in file.good(whole=True))
    if networks < LEAST_NETWORKS:
        raise UserError(
            f"{networks} whole networks measured, at least {LEAST_NETWORKS} are needed for a profile; "
            f"the same command continues (measurements: {file.path})"
        )
    return _write(order, name, profiler, file, watch)


def measurements_path(out: Path) -> Path:
    """Return the file of measurements that belongs to a profile."""
    from nas.hardware.measurements import SUFFIX

    return out.with_name(out.name + SUFFIX)


def _write(order: ProfileOrder, name: str, profiler: Profiler, file: MeasurementFile, watch: Watch) -> Profiled:
    """Fit a profile under each set of fusion rules and write the one that predicts left-out networks best."""
    from nas.hardware.measured_profile import measured_profile
    from nas.hardware.profile_file import write_profile

    def judge(done: float, total: float) -> None:
        watch.progress("judging", done, total)

    found = [profiler.evidences(rules) for rules in profiler.rule_choices]
    profiles = [measured_profile(evidences, name, judge) for evidences in found]
    if len(found[-1].timed) == len(found[-1].networks):
        profiles.append(measured_profile(found[-1], name, judge, by_terms=True))
    profile = min(profiles, key=_mean_error)
    if len(profiles) > 1:
        note = f"{profile.evidence.note} Chosen of {len(profiles)} fits by these errors."
        profile = replace(profile, evidence=replace(profile.evidence, note=note))
    write_profile(profile, order.out, order.how)
    parts = sum(1 for _ in file.good(whole=False))
    return Profiled(profile, order.out, parts, noise_of(file), file.seconds)


def noise_of(file: MeasurementFile) -> float | None:
    """Return the noise floor of a file's measurements; None if it cannot be told."""
    from nas.hardware.measured_profile import noise_floor

    return noise_floor(file.reference_ms)


def _mean_error(profile: HardwareProfile) -> float:
    assert profile.evidence.errors is not None
    return profile.evidence.errors.mape
