"""The target `host-cpu` on another machine than the one its profile was measured on: measured here, once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.resources import user_cache

if TYPE_CHECKING:
    from nas.search.watch import Watch

HOST = "host-cpu"
MINUTES = 2.0
OFF = "NAS_NO_MEASURE"  # set to anything: host-cpu is taken as it is shipped


def suited_target(target: str, space: str | None, watch: Watch, *, measure: bool) -> str:
    """Return `target`; for host-cpu on another CPU, the profile that was measured on this one.

    Where there is none yet it is measured now, for two minutes, and kept in the user's cache folder.

    Args:
        target: as the user named it.
        space: whose blocks are measured; None takes every shipped one.
        watch: is told what happens and why.
        measure: whether measuring is allowed; else the shipped profile is taken, and that is said.
    """
    if target != HOST:
        return target
    from nas.hardware.measure.cpu import cpu_name
    from nas.hardware.profile import load_profile
    from nas.search.latency_check import made_on

    cpu = cpu_name()
    if made_on(load_profile(HOST), cpu):
        return target
    path = cached_profile(cpu)
    if path.is_file():
        watch.say(f"target   {HOST} as measured on this CPU ({cpu}): {path}")
        return str(path)
    if not measure or os.environ.get(OFF):
        watch.say(f"target   {HOST} describes another CPU than this one ({cpu}); measure it: {_command(path)}")
        return target
    watch.say(f"target   {HOST} was measured on another CPU: measuring this one ({cpu}) for {MINUTES:g} minutes, once")
    return _measured(path, space, watch)


def cached_profile(cpu: str) -> Path:
    """Return where the profile of a CPU is kept; its name has to be the target's."""
    from nas.hardware.measure.cpu import cpu_digest

    return user_cache() / cpu_digest(cpu) / f"{HOST}.yaml"


def _measured(path: Path, space: str | None, watch: Watch) -> str:
    from nas.hardware.measure.onnxruntime import OnnxRuntime
    from nas.jobs.profile import ProfileOrder, profile_device

    spaces = () if space is None else (space,)
    try:
        profiled = profile_device(ProfileOrder(path, spaces, MINUTES, how=_command(path)), OnnxRuntime(), watch)
    except (NasError, OSError) as error:  # a search should not fail for want of a better estimate
        watch.say(f"target   could not be measured ({error}); {HOST} is taken as it is shipped")
        return HOST
    errors = profiled.profile.evidence.errors
    assert errors is not None
    watch.say(f"target   measured: off by {errors.median:.1%} (median) on networks left out")
    return str(path)


def _command(path: Path) -> str:
    return f"nas profile --engine onnxruntime --out {path}"
